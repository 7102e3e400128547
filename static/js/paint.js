// Puts readings into the elements that the server drew: number, mark, note, bar, and whether it may be believed.

import { moveBar, moveSetpoint, moveWater, setOrRemove } from "./bars.js";
import { SourceTimes } from "./freshness.js";
import { Sight } from "./sight.js";
import { say } from "./strip.js";
import { t } from "./texts.js";
import { DASH, ageText, formatOf, isHidden, lookOf, markOf, momentText, noteText, qualityClass, qualityNote, swatchOf, valueText } from "./words.js";

const FAR_SPACING = 5000; // ms between two tellings of an age that is out of sight
const PLAIN_GAUGE = new Set(["ok", "good", "normal"]);
const GAUGE_WORDS = new Map([
  ["manual", t("Entered by hand: these figures are not measured.")],
  ["simulated", t("Simulated: these figures are not of this tank.")],
]);
// Attributes that name the tag whose reading goes there, and what such places are called here.
const ATTRIBUTES = {
  numbers: "data-tag",
  marks: "data-mark-for",
  notes: "data-note-for",
  moments: "data-moment-for",
  lasts: "data-last-for",
  holders: "data-holds",
  followers: "data-follows",
  bars: "data-bar",
  waters: "data-water",
  setpoints: "data-setpoint",
  swatches: "data-swatch-for",
  gaugeWords: "data-gauge-words",
};

// Every place of the page by tag, in one walk: asking the document once for each tag takes seconds with 300 tanks.
function findPlaces(mine) {
  const found = new Map();
  for (const [kind, attribute] of Object.entries(ATTRIBUTES)) {
    for (const element of document.querySelectorAll(`[${attribute}]`)) {
      if (!mine(element)) continue;
      const tag = element.getAttribute(attribute);
      let places = found.get(tag);
      if (!places) found.set(tag, (places = {}));
      (places[kind] ??= []).push(element);
    }
  }
  return found;
}

// All places of the page that show one tag.
class TagPlaces {
  constructor(places) {
    const [element] = places.numbers;
    for (const kind of Object.keys(ATTRIBUTES)) this[kind] = places[kind] ?? [];
    this.holders = [...this.holders, ...this.followers];
    this.tag = element.dataset.tag;
    this.source = element.dataset.source;
    this.formats = this.numbers.map(({ dataset }) => formatOf(dataset)); // the same tag may stand in two units
    this.words = element.dataset.words ? JSON.parse(element.dataset.words) : null;
    // What the server drew stands until something newer comes.
    this.time = element.dataset.t === "" ? null : Number(element.dataset.t);
    this.code = Number(element.dataset.code);
    this.drawnStale = element.hasAttribute("data-stale");
    this.last = null; // the last value that could be shown: [value, time]
    this.marked = null; // the doubt that the elements show
    this.told = null; // doubt and quality of which the note tells, and its age in whole seconds
    this.seconds = null;
    this.notedAt = 0;
    this.plain = this.numbers.map((number) => number.closest("[data-plain-hides]")).filter(Boolean);
    this.shownCode = null;
  }

  show(value, time, code) {
    this.time = time;
    this.code = code;
    const hidden = isHidden(code);
    const text = valueText(value, this.formats[0], this.words);
    if (value !== null && value !== undefined) this.last = [value, time];
    const klass = qualityClass(code);
    this.numbers.forEach((number, place) => {
      say(number, hidden ? DASH : valueText(value, this.formats[place], this.words));
      number.dataset.t = String(time);
    });
    for (const plain of this.plain) plain.hidden = klass === "good" && PLAIN_GAUGE.has(text.toLowerCase());
    if (this.shownCode !== code) this.showQuality(code, klass, hidden);
    const drawn = !hidden && typeof value === "number" && Number.isFinite(value) ? value : null;
    for (const bar of this.bars) moveBar(bar, drawn, code);
    for (const mark of this.setpoints) moveSetpoint(mark, drawn);
    for (const words of this.gaugeWords) {
      const told = GAUGE_WORDS.get(text.toLowerCase()) ?? "";
      words.hidden = !told;
      say(words, told);
    }
    for (const water of this.waters) moveWater(water, drawn);
    for (const swatch of this.swatches) swatch.setAttribute("fill", hidden ? "none" : `url(#swatch-${swatchOf(text)})`);
    for (const last of this.lasts) {
      last.hidden = !hidden || !this.last;
      if (this.last) say(last.querySelector("[data-last-text]"), valueText(this.last[0], formatOf(last.dataset), this.words));
    }
  }

  showQuality(code, klass, hidden) {
    this.shownCode = code;
    for (const number of this.numbers) {
      number.dataset.quality = klass;
      number.dataset.code = String(code);
      setOrRemove(number, "data-look", lookOf(code));
    }
    const beside = hidden ? "" : markOf(code);
    for (const mark of this.marks) {
      say(mark, beside);
      mark.toggleAttribute("data-boxed", beside.length > 1);
    }
    for (const note of this.notes) note.dataset.noteQuality = klass;
  }

  // `doubt`: "" or the word for why this may not be taken for the present. `now`: epoch ms by the samples' clock.
  // `behind`: ms by which the source's times are, 0 when they are right.
  // `near`: somebody may see it; elsewhere an age is told only now and then, and at once when its doubt changes.
  mark(doubt, now, zone, behind = 0, near = true) {
    this.doubt = doubt;
    const stale = Boolean(doubt);
    if (this.marked !== stale) {
      this.marked = stale;
      for (const number of this.numbers) number.toggleAttribute("data-stale", stale);
      for (const bar of this.bars) bar.toggleAttribute("data-stale", stale);
      for (const holder of this.holders) holder.classList.toggle("is-stale", stale);
      for (const note of this.notes) note.toggleAttribute("data-note-stale", stale);
    }
    if (!this.isDue(`${doubt} ${behind > 0} ${this.code}`, now, behind && !doubt ? behind : now - this.time, near)) return;
    for (const note of this.notes) {
      if (behind && !doubt) say(note, `${qualityNote(this.code)} \u00b7 ${t("source times {age} behind", { age: ageText(behind / 1000) })}`);
      else say(note, this.time === null ? t("not received yet") : noteText(this.code, now - this.time, doubt));
    }
    if (this.time === null) return;
    for (const moment of this.moments) say(moment, momentText(this.time, zone, now));
    for (const last of this.lasts) {
      if (this.last) say(last.querySelector("[data-last-age]"), ageText((now - this.last[1]) / 1000));
    }
  }

  // Whether the note would say anything else than it does: four times a second hundreds of them are asked.
  isDue(told, now, age, near) {
    const turned = this.told !== told;
    if (!turned && !near && Math.abs(now - this.notedAt) < FAR_SPACING) return false;
    const seconds = this.time === null ? null : Math.floor(age / 1000);
    if (!turned && this.seconds === seconds && !this.moments.length && !this.lasts.length) return false;
    this.told = told;
    this.seconds = seconds;
    this.notedAt = now;
    return true;
  }

  // The person's access ended: nothing of the plant stays on the screen.
  blank() {
    for (const element of [...this.numbers, ...this.moments]) say(element, DASH);
    for (const number of this.numbers) number.dataset.quality = "bad";
    for (const mark of this.marks) say(mark, "");
    for (const bar of this.bars) moveBar(bar, null);
    for (const water of this.waters) moveWater(water, null);
    for (const mark of this.setpoints) moveSetpoint(mark, null);
    for (const words of this.gaugeWords) words.hidden = true;
    for (const last of this.lasts) last.remove();
    for (const swatch of this.swatches) swatch.setAttribute("fill", "none");
    this.time = this.shownCode = null;
    for (const note of this.notes) say(note, t("ended"));
  }
}

export class Board {
  // `part`: the site whose places these are, on a page that shows several (data-part); else all that are in no part.
  constructor(zone, part = undefined) {
    this.zone = zone;
    this.mine = (element) => element.closest("[data-part]")?.dataset.part === part;
    this.places = new Map();
    this.readings = new Map();
    this.handles = new Map();
    this.complete = false; // a snapshot told which tags there are
    this.newest = null; // epoch ms of the youngest sample
    this.times = new SourceTimes();
    this.sight = new Sight();
    this.index();
  }

  // Look for the elements again: after the page was drawn, and after htmx put another list into it.
  index() {
    const before = this.places;
    this.places = new Map();
    this.sight.forget();
    for (const [tag, found] of findPlaces(this.mine)) {
      if (!found.numbers) continue;
      const places = new TagPlaces(found);
      places.last = before.get(tag)?.last ?? null;
      this.places.set(tag, places);
      this.sight.watch(places.notes);
      const reading = this.readings.get(tag);
      if (reading) places.show(...reading);
    }
  }

  snapshot(frame) {
    this.handles = new Map(Object.entries(frame.h ?? {}).map(([tag, handle]) => [handle, tag]));
    this.readings.clear();
    this.newest = null;
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
      this.newest = Math.max(this.newest ?? reading[1], reading[1]);
      const source = this.places.get(tag)?.source;
      if (source && frame.k === "d") this.times.note(source, -dt);
      this.readings.set(tag, reading);
      this.places.get(tag)?.show(...reading);
    }
    return tags;
  }

  // Answers whether anything became stale or fresh: then what is derived from it must be drawn again too.
  draw(freshness) {
    let turned = false;
    const { now } = freshness;
    const sources = new Map(); // what is the same for hundreds of tags of one source: [doubt, behind]
    for (const places of this.places.values()) {
      const { source } = places;
      if (!sources.has(source)) sources.set(source, [freshness.doubtOf(source), this.times.behind(source)]);
      const [general, behind] = sources.get(source);
      const doubt = this.doubtOf(places, freshness, general);
      turned ||= places.doubt !== doubt;
      places.mark(doubt, now, this.zone, behind, this.sight.isNear(places.notes[0]));
    }
    return turned;
  }

  doubtOf(places, freshness, general = freshness.doubtOf(places.source)) {
    if (general) return general;
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
