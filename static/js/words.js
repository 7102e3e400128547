// The words of the screens, said live: ages, numbers, qualities, link states. hmi/screens/presenters says the same on
// the server, and tests/hmi/screens/test_words_agree.py holds the two together.

export const DASH = "\u2014";
export const CLOCK_TOLERANCE = 5000; // ms a source's clock may be ahead before that is said instead of an age

const QUALITY = new Map([
  [0x00960000, "forced"],
  [0x40900000, "last usable value"],
  [0x408f0000, "no communication, last usable value"],
  [0x40910000, "substitute"],
  [0x40920000, "initial value"],
  [0x40930000, "sensor not accurate"],
  [0x40940000, "out of range"],
  [0x80050000, "no comms"],
  [0x80310000, "no comms"],
  [0x80320000, "waiting for data"],
  [0x80340000, "tag unknown at the source"],
  [0x803d0000, "not supported"],
  [0x80380000, "not a number"],
  [0x80890000, "configuration"],
  [0x808a0000, "not connected"],
  [0x808b0000, "device failure"],
  [0x808c0000, "sensor failure"],
  [0x808d0000, "out of service"],
]);
const LIMIT = new Map([[0x0100, "at low end"], [0x0200, "at high end"], [0x0300, "constant"]]);
const LAST_USABLE = 0x40900000;
const INITIAL = 0x40920000;
const LINK = new Map([
  ["live", "Live"],
  ["connecting", "Connecting"],
  ["silent", "Site silent"],
  ["down", "Site not reachable"],
]);
const MODES = new Map([["off", "Switched off"], ["read-only", "Read-only"]]);
const SWATCHES = ["dots", "stripes", "bars", "cross", "checks", "rings"];
export const ARROWS = { receiving: "\u25b2", discharging: "\u25bc" };
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

// --- quality: the 32-bit OPC UA StatusCode; the top two bits are the class ----------------------------------

export function qualityClass(code) {
  const severity = (code >>> 30) & 3;
  return severity === 0 ? "good" : severity === 1 ? "uncertain" : "bad";
}

export function qualityNote(code) {
  const klass = qualityClass(code);
  const words = [QUALITY.get((code & 0xffff0000) >>> 0) ?? ""];
  if ((code & 0x0c00) === 0x0400) words.push(LIMIT.get(code & 0x0300) ?? "");
  const reasons = words.filter((word) => word && word !== klass);
  return reasons.length ? klass + (klass === "good" ? ", " : ": ") + reasons.join(", ") : klass;
}

// A bad value, and an initial one, is not shown: a dash stands for it.
export function isHidden(code) {
  return qualityClass(code) === "bad" || ((code & 0xffff0000) >>> 0) === INITIAL;
}

export function lookOf(code) {
  return ((code & 0xffff0000) >>> 0) === LAST_USABLE ? "last-usable" : "";
}

// --- numbers, ages, times --------------------------------------------------------------------------------------

export function numberText(value, decimals) {
  if (!Number.isFinite(value)) return DASH;
  const text = value.toFixed(decimals);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

export function valueText(value, decimals, words) {
  if (value === null || value === undefined) return DASH;
  const key = String(value);
  if (words && Object.hasOwn(words, key)) return words[key];
  return typeof value === "number" ? numberText(value, decimals) : key;
}

export function ageText(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 172800) return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
  return `${Math.floor(whole / 86400)} d`;
}

export function durationText(minutes) {
  const whole = Math.max(0, Math.floor(minutes));
  if (whole < 1) return "under 1 min";
  return whole < 60 ? `${whole} min` : `${Math.floor(whole / 60)} h ${two(whole % 60)} min`;
}

// The line beside a value. `age` in ms; `doubt` is "" or the word for why the value may not be taken for the present.
export function noteText(code, age, doubt) {
  const quality = qualityNote(code);
  if (age < -CLOCK_TOLERANCE) return `${doubt || quality} \u00b7 source clock ${ageText(-age / 1000)} ahead`;
  const old = ageText(age / 1000);
  if (!doubt) return `${quality} \u00b7 ${old}`;
  return quality === "good" ? `${doubt} ${old}` : `${doubt} ${old} \u00b7 ${quality}`;
}

export function linkText(state, since, zone, now) {
  const words = LINK.get(state) ?? "Link state not known";
  const told = since > 0 && LINK.has(state) && state !== "connecting" ? `${words} since ${sinceText(since, zone, now)}` : words;
  return state === "silent" || state === "down" ? `${told}, trying` : told;
}

// The switch at the plant: empty while it is fully open.
export function modeText(mode, since, by, zone, now) {
  const words = MODES.get(mode);
  if (!words) return "";
  const setBy = by ? `, set by ${by}` : "";
  return since > 0 ? `${words}${setBy} ${setText(since, zone, now)}` : `${words}${setBy}`;
}

function setText(ms, zone, now) {
  const then = parts(ms, zone);
  const clock = `${then.hour}:${then.minute}`;
  return sameDay(then, parts(now, zone)) ? `at ${clock}` : `on ${then.year}-${two(then.month)}-${two(then.day)} at ${clock}`;
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
  return `${Number(then.day)} ${MONTHS[Number(then.month) - 1]} ${then.year}`;
}

function two(number) {
  return String(number).padStart(2, "0");
}
