// The alarm list: puts the rows that the server drew where they belong, and does not let them jump under a finger.

import { say } from "./strip.js";
import { nt } from "./texts.js";

const HELD = 1500; // ms for which a finger on the screen keeps the list still
const list = document.querySelector("[data-alarm-list]");
const sections = list?.querySelector("[data-sections]");
const pattern = document.getElementById("alarm-section");
const seen = new Map(); // by alarm: the occurrence that was on this screen
let order = null;
const rows = new Map();
let heldUntil = 0;
let later = 0;
let believed = false; // the list is the present, so what is seen may be acknowledged

for (const row of list?.querySelectorAll("[data-alarm]") ?? []) rows.set(row.dataset.alarm, row);

function take(frame) {
  if (frame.k === "s") {
    rows.clear();
    list.querySelector("[data-unknown]")?.remove();
  }
  for (const [id, html] of Object.entries(frame.rows ?? {})) {
    // Drawn by our own template on the server, which escapes what the plant wrote; a parsed document runs nothing.
    const drawn = new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
    if (drawn) rows.set(id, document.adoptNode(drawn));
  }
  if (frame.sec) order = frame.sec;
  if (frame.al) {
    const flood = list.querySelector("[data-flood]");
    if (flood) flood.hidden = !frame.al.fl;
  }
  if (frame.rows || frame.sec) drawSoon();
}

function drawSoon() {
  clearTimeout(later);
  const wait = heldUntil - Date.now();
  if (wait > 0) later = setTimeout(drawSoon, wait);
  else drawList();
}

function drawList() {
  if (!order) return;
  const keep = anchor();
  const known = new Map([...sections.children].map((section) => [section.dataset.section, section]));
  let before = null;
  for (const [key, title, total, ids, note, query] of order) {
    const section = known.get(key) ?? newSection(key);
    known.delete(key);
    say(section.querySelector("[data-title]"), title);
    say(section.querySelector("[data-total]"), String(total));
    const words = section.querySelector("[data-note]");
    say(words, note);
    words.hidden = !note;
    const more = section.querySelector("[data-more]");
    more.hidden = ids.length === 0 || total <= ids.length;
    say(more, nt("{count} more", "{count} more", total - ids.length));
    const narrow = section.querySelector("[data-narrow]");
    narrow.hidden = !query;
    narrow.href = query || "?";
    say(narrow.querySelector("[data-narrow-to]"), ` ${title}`);
    fill(section.querySelector("ol"), ids);
    place(sections, section, before);
    before = section;
  }
  for (const section of known.values()) section.remove();
  const wanted = new Set(order.flatMap(([, , , ids]) => ids));
  for (const id of rows.keys()) if (!wanted.has(id)) rows.delete(id);
  const quiet = list.querySelector("[data-quiet]");
  if (quiet) quiet.hidden = order.length > 0;
  keep();
  look();
  list.dispatchEvent(new Event("alarms:drawn", { bubbles: true }));
}

function newSection(key) {
  const section = pattern.content.cloneNode(true).firstElementChild;
  section.dataset.section = key;
  return section;
}

function fill(place_, ids) {
  const wanted = ids.map((id) => rows.get(id)).filter(Boolean);
  const held = document.activeElement?.closest?.("[data-alarm]")?.dataset.alarm;
  const inside = document.activeElement?.matches?.("[data-acts]");
  let before = null;
  for (const row of wanted) {
    place(place_, row, before);
    before = row;
  }
  for (const row of [...place_.children]) if (!wanted.includes(row)) row.remove();
  const again = held && rows.get(held);
  if (again && !again.contains(document.activeElement) && place_.contains(again)) {
    ((inside && again.querySelector("[data-acts]")) || again.querySelector("a"))?.focus({ preventScroll: true });
  }
}

function place(parent, child, before) {
  const next = before ? before.nextSibling : parent.firstChild;
  if (next !== child) parent.insertBefore(child, next);
}

// What of the screen the operator sees: between the strip on top and the bar of tools, both of which lie over the page.
function window_() {
  const top = document.querySelector(".top")?.getBoundingClientRect().bottom ?? 0;
  const tools = document.querySelector("footer.tools");
  const covers = tools && getComputedStyle(tools).position === "sticky";
  return [top, covers ? Math.min(tools.getBoundingClientRect().top, window.innerHeight) : window.innerHeight];
}

// Where the operator reads must stay where it is: what is on top of the screen is put back there after drawing.
function anchor() {
  if (window.scrollY < 40) return () => {};
  const [top] = window_();
  const shown = [...sections.querySelectorAll("[data-alarm]")].filter((row) => row.getBoundingClientRect().bottom > top);
  const places = shown.slice(0, 20).map((row) => [row.dataset.alarm, row.parentNode, row.getBoundingClientRect().top]);
  return () => {
    // The first that is still where it was: a row that was acknowledged moves on, and the screen must not follow it.
    const stayed = places.find(([id, parent]) => rows.get(id)?.parentNode === parent);
    if (stayed) window.scrollBy(0, rows.get(stayed[0]).getBoundingClientRect().top - stayed[2]);
  };
}

function mark(freshness) {
  const whole = Boolean(freshness.phoneDoubt) || !freshness.snapshot || freshness.link?.[0] !== "live";
  const drawnOnly = !freshness.ever && !freshness.phoneDoubt; // as the server drew it, until the first frame
  believed = !whole;
  if (!drawnOnly) list.classList.toggle("is-stale", whole);
  for (const row of rows.values()) {
    const stale = !drawnOnly && (whole || Boolean(freshness.doubtOf(row.dataset.source)));
    if (!drawnOnly) row.classList.toggle("is-stale", stale);
    const act = row.querySelector("[data-acts]");
    if (act) act.disabled = stale || drawnOnly;
  }
  const together = document.querySelector("[data-together] [data-acts]");
  if (together) together.disabled = whole;
  look();
}

// Only what was on this screen is acknowledged together: whole rows that nothing covered, in front of somebody, and
// never the highest priority.
function look() {
  const form = document.querySelector("[data-together]");
  if (!form) return;
  const [top, bottom] = window_();
  for (const [id, row] of rows) {
    if (seen.has(id) && seen.get(id) !== row.dataset.eid) seen.delete(id);
    const box = row.getBoundingClientRect();
    const whole = row.isConnected && box.height > 0 && box.top >= top - 8 && box.bottom <= bottom + 8;
    if (whole && believed && !document.hidden) seen.set(id, row.dataset.eid);
  }
  const picks = [...seen.keys()].filter((id) => {
    const row = rows.get(id);
    if (!row || row.dataset.band === "crit" || row.hasAttribute("data-shelved")) return false;
    return !row.classList.contains("is-stale") && row.classList.contains("is-waiting") && row.querySelector("[data-acts]");
  }).slice(0, Number(form.dataset.most));
  const present = [...form.querySelectorAll("input[name=pick]")].map((input) => input.value);
  form.hidden = picks.length === 0;
  if (picks.join() === present.join()) return;
  for (const input of form.querySelectorAll("input[name=pick]")) input.remove();
  for (const id of picks) {
    const input = document.createElement("input");
    Object.assign(input, { type: "hidden", name: "pick", value: id });
    form.append(input);
  }
  const words = nt("Acknowledge the one seen here…", "Acknowledge the {count} seen here…", picks.length);
  say(form.querySelector("[data-acts]"), words);
}

if (list) {
  document.addEventListener("live", ({ detail: { frame, freshness } }) => {
    if (frame) take(frame);
    else mark(freshness);
  });
  sections.addEventListener("pointerdown", () => {
    heldUntil = Date.now() + HELD;
  });
  let looking = 0;
  window.addEventListener("scroll", () => {
    cancelAnimationFrame(looking);
    looking = requestAnimationFrame(look);
  }, { passive: true });
}
