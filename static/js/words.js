// The words of the screens, said live: ages, numbers, qualities, link states. hmi/screens/presenters says the same on
// the server, and tests/hmi/screens/test_words_agree.py holds the two together.

import { DECIMAL_MARK, fill, t } from "./texts.js";
import { feetText } from "./units.js";

export const DASH = "\u2014";
export const CLOCK_TOLERANCE = 5000; // ms a source's clock may be ahead before that is said instead of an age

const QUALITY = new Map([
  [0x00960000, t("forced")],
  [0x40900000, t("last usable value")],
  [0x408f0000, t("no communication, last usable value")],
  [0x40910000, t("substitute")],
  [0x40920000, t("initial value")],
  [0x40930000, t("sensor not accurate")],
  [0x40940000, t("out of range")],
  [0x80050000, t("no comms")],
  [0x80310000, t("no comms")],
  [0x80320000, t("waiting for data")],
  [0x80340000, t("tag unknown at the source")],
  [0x803d0000, t("not supported")],
  [0x80380000, t("not a number")],
  [0x80890000, t("configuration")],
  [0x808a0000, t("not connected")],
  [0x808b0000, t("device failure")],
  [0x808c0000, t("sensor failure")],
  [0x808d0000, t("out of service")],
]);
const CLASSES = { good: t("good"), uncertain: t("uncertain"), bad: t("bad") };
const LIMIT = new Map([[0x0100, t("at low end")], [0x0200, t("at high end")], [0x0300, t("held constant")]]);
const FORCED = 0x00960000;
const LAST_USABLE = new Set([0x40900000, 0x408f0000]);
const SUBSTITUTE = 0x40910000;
const INITIAL = 0x40920000;
// By state: without and with since when. While a link is not live it is being tried.
const LINK = new Map([
  ["live", [t("Live"), t("Live since {time}")]],
  ["connecting", [t("Connecting"), t("Connecting")]],
  ["silent", [t("Site silent, trying"), t("Site silent since {time}, trying")]],
  ["down", [t("Site not reachable, trying"), t("Site not reachable since {time}, trying")]],
]);
const MODES = new Map([["off", t("Switched off")], ["read-only", t("Read-only")]]);
// Why nothing may be taken for the present (freshness.js): alone, and with the age of the value.
const DOUBTS = new Map([
  ["stale", [t("stale"), t("stale {age}")]],
  ["checking", [t("checking"), t("checking {age}")]],
  ["ended", [t("ended"), t("ended {age}")]],
]);
const SWATCHES = ["dots", "stripes", "bars", "cross", "checks", "rings"];
export const ARROWS = { receiving: "\u25b2", discharging: "\u25bc" };
const MONTHS = t("Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec").split(" ");

// --- quality: the 32-bit OPC UA StatusCode; the top two bits are the class ----------------------------------

export function qualityClass(code) {
  const severity = (code >>> 30) & 3;
  return severity === 0 ? "good" : severity === 1 ? "uncertain" : "bad";
}

export function qualityNote(code) {
  const kind = qualityClass(code);
  const klass = CLASSES[kind];
  const words = [QUALITY.get((code & 0xffff0000) >>> 0) ?? ""];
  if ((code & 0x0c00) === 0x0400) words.push(LIMIT.get(code & 0x0300) ?? "");
  const reasons = words.filter((word) => word && word !== klass);
  return reasons.length ? klass + (kind === "good" ? ", " : ": ") + reasons.join(", ") : klass;
}

// A bad value, and an initial one, is not shown: a dash stands for it.
export function isHidden(code) {
  return qualityClass(code) === "bad" || ((code & 0xffff0000) >>> 0) === INITIAL;
}

export function lookOf(code) {
  const proper = (code & 0xffff0000) >>> 0;
  return LAST_USABLE.has(proper) ? "last-usable" : proper === FORCED || proper === SUBSTITUTE ? "by-hand" : "";
}

// What stands beside the number: a question mark for doubt, a word for a value that nobody measured.
export function markOf(code) {
  const proper = (code & 0xffff0000) >>> 0;
  if (proper === FORCED) return t("forced");
  if (proper === SUBSTITUTE) return t("substitute");
  return qualityClass(code) === "uncertain" ? "?" : "";
}

// --- numbers, ages, times --------------------------------------------------------------------------------------

// As people read it, with the decimal mark of their language; what a program reads again is plainNumber.
export function numberText(value, decimals) {
  return plainNumber(value, decimals).replace(".", DECIMAL_MARK);
}

export function plainNumber(value, decimals) {
  if (!Number.isFinite(value)) return DASH;
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

// How an element shows the site's numbers: in the person's unit where the server gave it a factor.
export function formatOf({ dec, factor, offset, form }) {
  return { decimals: Number(dec), factor: factor ? Number(factor) : 1, offset: Number(offset ?? 0), form };
}

export function inUnit(value, { factor, offset }) {
  return value * factor + offset;
}

export function shownNumber(value, format) {
  const inside = inUnit(value, format);
  return format.form ? feetText(inside) : numberText(inside, format.decimals);
}

export function valueText(value, format, words) {
  if (value === null || value === undefined || value === "") return DASH;
  const key = String(value);
  if (words && Object.hasOwn(words, key)) return words[key];
  return typeof value === "number" ? shownNumber(value, format) : key;
}

export function ageText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return unbroken(t("{seconds} s", { seconds: whole }));
  if (whole < 3600) return unbroken(t("{minutes} min {seconds} s", { minutes: Math.floor(whole / 60), seconds: two(whole % 60) }));
  if (whole < 172800) return unbroken(t("{hours} h {minutes} min", { hours: Math.floor(whole / 3600), minutes: two(Math.floor((whole % 3600) / 60)) }));
  return unbroken(t("{days} d", { days: Math.floor(whole / 86400) }));
}

export function durationText(minutes) {
  const whole = Math.max(0, Math.floor(minutes));
  if (whole < 1) return unbroken(t("under 1 min"));
  if (whole < 60) return unbroken(t("{minutes} min", { minutes: whole }));
  return unbroken(t("{hours} h {minutes} min", { hours: Math.floor(whole / 60), minutes: two(whole % 60) }));
}

// On one line wherever it stands: the translations write plain spaces, and a line must not end between number and unit.
function unbroken(text) {
  return text.replaceAll(" ", "\u00a0");
}

// The line beside a value. `age` in ms; `doubt` is "" or why the value may not be taken for the present (freshness.js).
export function noteText(code, age, doubt) {
  const quality = qualityNote(code);
  if (age < -CLOCK_TOLERANCE) {
    const told = t("source clock {age} ahead", { age: ageText(-age / 1000) });
    return `${DOUBTS.get(doubt)?.[0] ?? quality} \u00b7 ${told}`;
  }
  const old = ageText(age / 1000);
  if (!doubt) return `${quality} \u00b7 ${old}`;
  const told = fill(DOUBTS.get(doubt)[1], { age: old });
  return qualityNote(0) === quality ? told : `${told} \u00b7 ${quality}`;
}

export function linkText(state, since, zone, now) {
  const [alone, withTime] = LINK.get(state) ?? [t("Link state not known"), ""];
  return since > 0 && withTime ? fill(withTime, { time: sinceText(since, zone, now) }) : alone;
}

// The switch at the plant: empty while it is fully open.
export function modeText(mode, since, by, zone, now) {
  const words = MODES.get(mode);
  if (!words) return "";
  if (since <= 0) return by ? t("{mode}, set by {name}", { mode: words, name: by }) : words;
  const [then, today] = [parts(since, zone), parts(now, zone)];
  const facts = { mode: words, name: by, date: dateText(then), clock: `${then.hour}:${then.minute}` };
  if (sameDay(then, today)) return by ? t("{mode}, set by {name} at {clock}", facts) : t("{mode} at {clock}", facts);
  return by ? t("{mode}, set by {name} on {date} at {clock}", facts) : t("{mode} on {date} at {clock}", facts);
}

export function clockText(ms, zone) {
  const { hour, minute, second } = parts(ms, zone);
  return `${hour}:${minute}:${second}`;
}

export function momentText(ms, zone, now) {
  const then = parts(ms, zone);
  const clock = `${then.hour}:${then.minute}`;
  return sameDay(then, parts(now, zone)) ? `${clock}:${then.second}` : `${dateText(then)} ${clock}`;
}

export function sinceText(ms, zone, now) {
  const then = parts(ms, zone);
  const clock = `${then.hour}:${then.minute}`;
  return sameDay(then, parts(now, zone)) ? clock : `${dateText(then)} ${clock}`;
}

export function swatchOf(product) {
  let sum = 0;
  for (const letter of product) sum += letter.codePointAt(0);
  return SWATCHES[sum % SWATCHES.length];
}

// --- inside ----------------------------------------------------------------------------------------------------

const formats = new Map();

function parts(ms, zone) {
  let format = formats.get(zone);
  if (!format) {
    const fields = { year: "numeric", month: "numeric", day: "numeric", hour: "2-digit", minute: "2-digit", second: "2-digit" };
    try {
      format = new Intl.DateTimeFormat("en-GB", { ...fields, hourCycle: "h23", timeZone: zone });
    } catch {
      format = new Intl.DateTimeFormat("en-GB", { ...fields, hourCycle: "h23", timeZone: "UTC" });
    }
    formats.set(zone, format);
  }
  return Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]));
}

function sameDay(a, b) {
  return a.year === b.year && a.month === b.month && a.day === b.day;
}

function dateText(then) {
  return t("{day} {month} {year}", { day: Number(then.day), month: MONTHS[Number(then.month) - 1], year: then.year });
}

function two(number) {
  return String(number).padStart(2, "0");
}
