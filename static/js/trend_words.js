// Words and numbers of a trend, as the other pages say them.

export { DASH, momentText, numberText } from "./words.js";

export function setText(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}
