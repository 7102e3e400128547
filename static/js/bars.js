// Bars of levels and flows, and the tank drawing: moves what the server drew, by attributes.

import { plainNumber } from "./words.js";

const EXCEEDED = 0x40940000; // OPC UA UncertainEngineeringUnitsExceeded

// `value` is null when there is nothing that may be drawn; `code` its StatusCode.
export function moveBar(bar, value, code = 0) {
  const { low, high, top, height, fill, pointer } = numbers(bar);
  const share = value === null ? 0 : clamp((value - low) / (high - low));
  place(fill, top, height, share);
  setOrRemove(bar, "data-over", value === null ? "" : over(value, low, high, code));
  if (pointer) {
    pointer.setAttribute("visibility", value === null ? "hidden" : "visible");
    pointer.setAttribute("transform", `translate(0 ${plainNumber(top + height * (1 - share), 2)})`);
  }
}

function over(value, low, high, code) {
  if (value > high) return "top";
  if (value < low) return "bottom";
  if ((code & 0xffff0000) >>> 0 !== EXCEEDED) return "";
  return value - low > high - value ? "top" : "bottom"; // the source says so of a value that it cut off itself
}

export function moveSetpoint(mark, value) {
  const { low, high, top, height } = numbers(mark.closest("[data-bar]"));
  const share = value === null ? 0 : clamp((value - low) / (high - low));
  mark.setAttribute("visibility", value === null ? "hidden" : "visible");
  mark.setAttribute("transform", `translate(0 ${plainNumber(top + height * (1 - share), 2)})`);
}

const WATER_MIN = 4; // drawing units: any water at all is seen

export function moveWater(rect, value) {
  const { low, high, top, height } = numbers(rect.closest("[data-bar]"));
  const share = value === null ? 0 : clamp((value * Number(rect.dataset.factor)) / (high - low));
  place(rect, top, height, share > 0 ? Math.max(share, WATER_MIN / height) : 0);
}

function place(rect, top, height, share) {
  rect.setAttribute("y", plainNumber(top + height * (1 - share), 2));
  rect.setAttribute("height", plainNumber(height * share, 2));
}

const known = new WeakMap(); // what stands in a bar for good, read once: a list may have hundreds of them

function numbers(bar) {
  let facts = known.get(bar);
  if (!facts) {
    const { low, high, top, height } = bar.dataset;
    const [fill, pointer] = [bar.querySelector("[data-fill]"), bar.querySelector("[data-pointer]")];
    facts = { low: Number(low), high: Number(high), top: Number(top), height: Number(height), fill, pointer };
    known.set(bar, facts);
  }
  return facts;
}

function clamp(share) {
  return Number.isFinite(share) ? Math.min(1, Math.max(0, share)) : 0;
}

export function setOrRemove(element, name, value) {
  if (value) element.setAttribute(name, value);
  else element.removeAttribute(name);
}
