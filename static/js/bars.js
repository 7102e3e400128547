// Level bars and the tank drawing: moves the rectangles that the server drew, by attributes.

import { numberText } from "./words.js";

// `value` is null when there is nothing that may be drawn.
export function moveBar(bar, value) {
  const { low, high, top, height } = numbers(bar);
  const share = value === null ? 0 : clamp((value - low) / (high - low));
  place(bar.querySelector("[data-fill]"), top, height, share);
  setOrRemove(bar, "data-over", value === null ? "" : value > high ? "top" : value < low ? "bottom" : "");
  const pointer = bar.querySelector("[data-pointer]");
  if (pointer) {
    pointer.setAttribute("visibility", value === null ? "hidden" : "visible");
    pointer.setAttribute("transform", `translate(0 ${numberText(top + height * (1 - share), 2)})`);
  }
}

const WATER_MIN = 4; // drawing units: any water at all is seen

export function moveWater(rect, value) {
  const { low, high, top, height } = numbers(rect.closest("[data-bar]"));
  const share = value === null ? 0 : clamp((value * Number(rect.dataset.factor)) / (high - low));
  place(rect, top, height, share > 0 ? Math.max(share, WATER_MIN / height) : 0);
}

function place(rect, top, height, share) {
  rect.setAttribute("y", numberText(top + height * (1 - share), 2));
  rect.setAttribute("height", numberText(height * share, 2));
}

function numbers(bar) {
  const { low, high, top, height } = bar.dataset;
  return { low: Number(low), high: Number(high), top: Number(top), height: Number(height) };
}

function clamp(share) {
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
}

export function setOrRemove(element, name, value) {
  if (value) element.setAttribute(name, value);
  else element.removeAttribute(name);
}
