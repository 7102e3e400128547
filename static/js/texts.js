// The language of the page for its scripts. Texts stand in English in the code; static/js/texts/<code>.js, which the
// page loads before any module where its language is another, holds what they are in that language.

export const LANGUAGE = document.documentElement.lang || "en";
export const DECIMAL_MARK = LANGUAGE === "en" ? "." : ",";
const TEXTS = window.sightlineTexts ?? {};

// `text` in the page's language, with {name} filled from `values`. A text without a translation stays English.
export function t(text, values) {
  return fill(lookedUp(text) || text, values);
}

// One or many. All six languages have two forms and take the first for exactly one.
export function nt(one, many, count, values) {
  const form = count === 1 ? 0 : 1;
  return fill(lookedUp(one)?.[form] || [one, many][form], { count, ...values });
}

function lookedUp(text) {
  return Object.hasOwn(TEXTS, text) ? TEXTS[text] : undefined;
}

// `text`, translated already, with {name} filled from `values`.
export function fill(text, values) {
  return values ? text.replace(/\{(\w+)\}/g, (whole, name) => (Object.hasOwn(values, name) ? String(values[name]) : whole)) : text;
}
