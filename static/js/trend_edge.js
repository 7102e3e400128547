// The live edge of a trend: what came over the page's socket since the history was asked, drawn where it ends.

import { inUnit } from "./trend_words.js";

const KEEP = 600; // samples of one pen

export class Edge {
  constructor() {
    this.samples = new Map(); // tag -> [[time, number or null], ...]; null ends what stood before
    this.fresh = new Map(); // tag -> the last moment at which its value could be believed
  }

  // What the board shows now, by the samples' clock. Answers whether a value lies outside of its panel.
  take(picture, board, freshness) {
    const now = freshness.now;
    let outside = false;
    for (const { tag, live } of picture.pens) {
      const reading = board.readings.get(tag);
      if (!reading) continue;
      const [sent, time, code] = reading;
      const value = number(sent) === null ? null : inUnit(number(sent), live);
      const usable = !board.isStale(tag) && (code >>> 30) < 2 && value !== null;
      const list = this.samples.get(tag) ?? [];
      this.samples.set(tag, list);
      const last = list.at(-1);
      if (usable) {
        if (!last || last[1] === null) list.push([last ? now : time, value]);
        else if (time > last[0] && value !== last[1]) list.push([time, value]);
        this.fresh.set(tag, now);
        outside ||= this.isOutside(picture, tag, value);
      } else if (last && last[1] !== null) {
        list.push([this.fresh.get(tag) ?? now, null]);
      }
      if (list.length > KEEP) list.splice(0, list.length - KEEP);
    }
    return outside;
  }

  draw(picture, board) {
    for (const plot of picture.plots) {
      const box = plot.getBoundingClientRect();
      for (const tail of plot.querySelectorAll("[data-tail]")) {
        const tag = tail.dataset.tail;
        const dot = plot.querySelector(`[data-dot="${CSS.escape(tag)}"]`);
        const pen = picture.pens.find((one) => one.tag === tag);
        const points = picture.follows ? this.path(picture, plot, pen, box) : null;
        tail.setAttribute("d", points?.path ?? "");
        dot.setAttribute("cx", points?.end ? points.end[0].toFixed(1) : "-20");
        dot.setAttribute("cy", points?.end ? points.end[1].toFixed(1) : "-20");
        dot.classList.toggle("is-stale", board.isStale(tag));
      }
    }
  }

  // Steps, as the history draws states: a value stands until the next one comes or it may not be believed any more.
  path(picture, plot, pen, box) {
    const list = this.samples.get(pen.tag) ?? [];
    const low = Number(plot.dataset.low);
    const high = Number(plot.dataset.high);
    const across = (ms) => ((Math.min(ms, picture.end) - picture.start) / (picture.end - picture.start)) * box.width;
    const height = (value) => (1 - Math.max(0, Math.min(1, (value - low) / (high - low)))) * box.height;
    let path = "";
    let end = null;
    list.forEach(([time, value], place) => {
      const until = list[place + 1]?.[0] ?? this.fresh.get(pen.tag) ?? time;
      const from = Math.max(time, pen.knownUntil);
      if (value === null || until < from) return;
      const joined = end && list[place - 1]?.[1] !== null;
      path += `${joined ? "L" : "M"}${across(from).toFixed(1)} ${height(value).toFixed(1)}H${across(until).toFixed(1)}`;
      end = [across(until), height(value)];
    });
    return { path, end };
  }

  isOutside(picture, tag, value) {
    const plot = picture.plots.find((one) => one.querySelector(`[data-tail="${CSS.escape(tag)}"]`));
    return Boolean(plot) && (value < Number(plot.dataset.low) || value > Number(plot.dataset.high));
  }
}

function number(value) {
  if (typeof value === "boolean") return value ? 1 : 0;
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}
