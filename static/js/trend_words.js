// Words and numbers of a trend: those of the other pages, and the sentences that the page itself brings along.

export { DASH, formatOf, inUnit, momentText, shownNumber } from "./words.js";

const { dataset } = document.getElementById("trend-words") ?? { dataset: {} };

// A sentence of the page, with its {names} filled in.
export function say(name, values = {}) {
  return (dataset[name] ?? "").replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
