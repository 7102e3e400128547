// Puts readings into the elements that the server drew: number, mark, note, bar, and whether it may be believed.

import { moveBar, moveWater, setOrRemove } from "./bars.js";
import { say } from "./strip.js";
import { DASH, ageText, isHidden, lookOf, momentText, noteText, qualityClass, swatchOf, valueText } from "./words.js";

const PLAIN_GAUGE = new Set(["ok", "good", "normal"]);

// All places of the page that show one tag.
class TagPlaces {
  constructor(element) {
    this.numbers = [];
    this.tag = element.dataset.tag;
    this.source = element.dataset.source;
    this.decimals = Number(element.dataset.dec);
    this.words = element.dataset.words ? JSON.parse(element.dataset.words) : null;
    // What the server drew stands until something newer comes.
    this.time = element.dataset.t === "" ? null : Number(element.dataset.t);
    this.code = Number(element.dataset.code);
    this.drawnStale = element.hasAttribute("data-stale");
    this.last = null; // the last value that could be shown: [value, time]
    this.find();
  }

  find() {
    const named = (attribute) => [...document.querySelectorAll(`[${attribute}="${CSS.escape(this.tag)}"]`)];
    this.numbers = named("data-tag");
    this.marks = named("data-mark-for");
    this.notes = named("data-note-for");
    this.moments = named("data-moment-for");
    this.lasts = named("data-last-for");
    this.holders = [...named("data-holds"), ...named("data-follows")];
    this.bars = named("data-bar");
    this.waters = named("data-water");
    this.swatches = named("data-swatch-for");
  }

  show(value, time, code) {
    this.time = time;
    this.code = code;
    const hidden = isHidden(code);
    const text = valueText(value, this.decimals, this.words);
    if (value !== null && value !== undefined) this.last = [text, time];
    const klass = qualityClass(code);
    for (const number of this.numbers) {
      say(number, hidden ? DASH : text);
      number.dataset.t = String(time);
      number.dataset.quality = klass;
      number.dataset.code = String(code);
      setOrRemove(number, "data-look", lookOf(code));
      const plain = number.closest("[data-plain-hides]");
      if (plain) plain.hidden = klass === "good" && PLAIN_GAUGE.has(text.toLowerCase());
    }
    for (const mark of this.marks) say(mark, klass === "uncertain" && !hidden ? "?" : "");
    for (const note of this.notes) note.dataset.noteQuality = klass;
    const drawn = !hidden && typeof value === "number" && Number.isFinite(value) ? value : null;
    for (const bar of this.bars) moveBar(bar, drawn);
    for (const water of this.waters) moveWater(water, drawn);
    for (const swatch of this.swatches) swatch.setAttribute("fill", hidden ? "none" : `url(#swatch-${swatchOf(text)})`);
    for (const last of this.lasts) {
      last.hidden = !hidden || !this.last;
      if (this.last) say(last.querySelector("[data-last-text]"), this.last[0]);
    }
  }

  // `doubt`: "" or the word for why this may not be taken for the present. `now`: epoch ms by the samples' clock.
  mark(doubt, now, zone) {
    this.doubt = doubt;
    const stale = Boolean(doubt);
    for (const number of this.numbers) number.toggleAttribute("data-stale", stale);
    for (const bar of this.bars) bar.toggleAttribute("data-stale", stale);
    for (const holder of this.holders) holder.classList.toggle("is-stale", stale);
    for (const note of this.notes) {
      note.toggleAttribute("data-note-stale", stale);
      say(note, this.time === null ? "not received yet" : noteText(this.code, now - this.time, doubt));
    }
    if (this.time === null) return;
    for (const moment of this.moments) say(moment, momentText(this.time, zone, now));
    for (const last of this.lasts) {
      if (this.last) say(last.querySelector("[data-last-age]"), ageText((now - this.last[1]) / 1000));
    }
  }

  // The person's access ended: nothing of the plant stays on the screen.
  blank() {
    for (const element of [...this.numbers, ...this.moments]) say(element, DASH);
    for (const number of this.numbers) number.dataset.quality = "bad";
    for (const mark of this.marks) say(mark, "");
    for (const bar of this.bars) moveBar(bar, null);
    for (const water of this.waters) moveWater(water, null);
    for (const last of this.lasts) last.remove();
    for (const swatch of this.swatches) swatch.setAttribute("fill", "none");
    this.time = null;
    for (const note of this.notes) say(note, "ended");
  }
}

export class Board {
  constructor(zone) {
    this.zone = zone;
    this.places = new Map();
    this.readings = new Map();
    this.handles = new Map();
    this.complete = false; // a snapshot told which tags there are
    this.index();
  }

  // Look for the elements again: after the page was drawn, and after htmx put another list into it.
  index() {
    const before = this.places;
    this.places = new Map();
    for (const element of document.querySelectorAll("[data-tag]")) {
      const { tag } = element.dataset;
      if (this.places.has(tag)) continue;
      const places = new TagPlaces(element);
      places.last = before.get(tag)?.last ?? null;
      this.places.set(tag, places);
      const reading = this.readings.get(tag);
      if (reading) places.show(...reading);
    }
  }

  snapshot(frame) {
    this.handles = new Map(Object.entries(frame.h ?? {}).map(([tag, handle]) => [handle, tag]));
    this.readings.clear();
    this.complete = true;
    this.update(frame);
  }

  // Answers the tags that the frame brought.
  update(frame) {
    const tags = new Set();
    for (const [handle, value, dt = 0, quality = 0] of frame.d ?? []) {
      const tag = this.handles.get(handle);
      if (tag === undefined) continue;
      const reading = [value, frame.t + dt, quality >>> 0];
      tags.add(tag);
      this.readings.set(tag, reading);
      this.places.get(tag)?.show(...reading);
    }
    return tags;
  }

  // Answers whether anything became stale or fresh: then what is derived from it must be drawn again too.
  draw(freshness) {
    let turned = false;
    for (const places of this.places.values()) {
      const doubt = this.doubtOf(places, freshness);
      turned ||= places.doubt !== doubt;
      places.mark(doubt, freshness.now, this.zone);
    }
    return turned;
  }

  doubtOf(places, freshness) {
    const doubt = freshness.doubtOf(places.source);
    if (doubt) return doubt;
    if (!freshness.ever) return places.drawnStale ? "stale" : "";
    return this.complete && !this.readings.has(places.tag) ? "stale" : "";
  }

  isStale(tag) {
    return this.places.get(tag)?.numbers[0]?.hasAttribute("data-stale") ?? true;
  }

  isBad(tag) {
    return (this.places.get(tag)?.numbers[0]?.dataset.quality ?? "bad") === "bad";
  }

  blank() {
    for (const places of this.places.values()) places.blank();
  }
}
