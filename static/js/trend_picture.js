// The picture of a trend that is on the page: what its attributes say, the cursor in it, and moving it under a finger.

import { DASH, formatOf, momentText, say, setText, shownNumber } from "./trend_words.js";

const QUALITY = { 1: "uncertain", 2: "bad", 3: "empty" };
const UNIT = 10; // of a bucket's width in the picture

export class Picture {
  constructor(root, zone) {
    this.root = root;
    this.zone = zone;
    const { start, end, width, n, now, refresh, asOf, here } = root.dataset;
    Object.assign(this, { start: Number(start), end: Number(end), width: Number(width), n: Number(n) });
    Object.assign(this, { now: Number(now), refresh: Number(refresh), asOf: Number(asOf), here });
    this.pens = [...root.querySelectorAll("[data-pen]")].map((row) => readPen(row));
    this.plots = [...root.querySelectorAll("[data-plot]")];
    this.range = root.querySelector("#trend-cursor");
    this.title = root.querySelector("#trend-at");
  }

  get drawn() {
    return this.pens.some((pen) => pen.values);
  }

  get follows() {
    return this.refresh > 0;
  }

  // Where `ms` is across, in percent.
  across(ms) {
    return (100 * (ms - this.start)) / (this.end - this.start);
  }

  // The cursor stands on a bucket; `ms` outside of the picture is its edge. Its line is drawn when somebody set it.
  point(ms, drawn) {
    const bucket = Math.max(0, Math.min(this.n - 1, Math.floor((ms - this.start) / this.width)));
    const from = this.start + bucket * this.width;
    const x = drawn ? `${this.across(from + this.width / 2).toFixed(2)}%` : "-10";
    for (const hair of this.root.querySelectorAll("[data-hair]")) {
      hair.setAttribute("x1", x);
      hair.setAttribute("x2", x);
    }
    const [start, end] = [from, from + this.width].map((moment) => momentText(moment, this.zone, this.now));
    const times = say("stretch", { start, end });
    const told = this.pens.map((pen) => this.tell(pen, bucket, from));
    if (this.title) {
      this.title.hidden = false;
      setText(this.title, times);
    }
    if (this.range) {
      this.range.hidden = false;
      this.range.max = String(this.n - 1);
      this.range.value = String(bucket);
      this.range.setAttribute("aria-valuetext", `${times}: ${told.join("; ")}`);
    }
  }

  tell(pen, bucket, from) {
    const text = pen.values ? valueAt(pen, bucket) : DASH;
    const worst = QUALITY[pen.quality[bucket]] ?? "";
    const partly = worst === "bad" && text !== DASH ? "partly" : worst;
    const note = say(from >= pen.knownUntil ? "unknown" : partly);
    const span = pen.values ? spanAt(pen, bucket) : "";
    pen.at.hidden = false;
    setText(pen.at.querySelector("[data-at-value]"), text);
    setText(pen.at.querySelector("[data-at-note]"), [span, note].filter(Boolean).join(" \u00b7 "));
    return `${pen.number} ${text} ${pen.unit} ${note}`;
  }

  // Show [from, to) instead, as far as the picture has it: only while a finger moves it.
  preview(from, to) {
    const box = [(from - this.start) / this.width, 0, (to - from) / this.width, 1000];
    for (const lines of this.root.querySelectorAll("[data-lines]")) {
      lines.setAttribute("viewBox", `${box[0] * UNIT} 0 ${box[2] * UNIT} 1000`);
    }
    const across = (ms) => (100 * (ms - from)) / (to - from);
    for (const part of this.root.querySelectorAll("[data-t]")) {
      const x = `${across(Number(part.dataset.t)).toFixed(2)}%`;
      for (const name of part.tagName === "line" ? ["x1", "x2"] : ["x"]) part.setAttribute(name, x);
    }
    for (const part of this.root.querySelectorAll("[data-from]")) {
      const x = across(Number(part.dataset.from));
      part.setAttribute("x", `${x.toFixed(2)}%`);
      part.setAttribute("width", `${Math.max(0, across(Number(part.dataset.to)) - x).toFixed(2)}%`);
    }
    for (const part of this.root.querySelectorAll("[data-hair]")) {
      part.setAttribute("x1", "-10");
      part.setAttribute("x2", "-10");
    }
    for (const part of this.root.querySelectorAll("[data-tail]")) part.setAttribute("d", "");
    for (const part of this.root.querySelectorAll("[data-dot]")) part.setAttribute("cx", "-20");
  }
}

function readPen(row) {
  const { pen, number, dec, unit, words, values, quality, knownUntil } = row.dataset;
  return {
    tag: pen,
    number,
    unit,
    live: formatOf(row.dataset), // the socket brings the site's numbers,
    written: formatOf({ dec, form: row.dataset.form }), // the picture's are in the person's unit already
    words: words ? JSON.parse(words) : null,
    values: values ? JSON.parse(values) : null, // minima, maxima, averages
    quality: quality ?? "",
    knownUntil: Number(knownUntil ?? 0),
    at: row.querySelector("[data-at]"),
  };
}

function valueAt(pen, bucket) {
  const [low, high, average] = pen.values.map((column) => column[bucket]);
  if (average === null || average === undefined) return DASH;
  if (!pen.words) return shownNumber(average, pen.written);
  const names = [...new Set([low, high])].map((value) => pen.words[String(value)] ?? shownNumber(value, pen.written));
  return names.length === 2 ? say("both", { first: names[0], second: names[1] }) : names[0];
}

function spanAt(pen, bucket) {
  const [low, high] = pen.values.map((column) => column[bucket]);
  if (pen.words || low === null || low === undefined || low === high) return "";
  return say("extremes", { low: shownNumber(low, pen.written), high: shownNumber(high, pen.written) });
}
