// Parts of a page that the server works out anew when alarms changed: the shelved ones, the figures. They ask again
// through htmx, at most every `data-every` seconds, and `data-at-least` as often while nothing changes.

const last = new Map(); // by part: when it asked
let wanted = false;
let facts = "";

function isNews(frame, kind) {
  if (kind === "list") return Boolean(frame.rows || frame.sec);
  if (!frame.al) return false;
  const now = JSON.stringify(frame.al);
  const news = now !== facts;
  facts = now;
  return news;
}

function part() {
  return document.querySelector("[data-refresh]");
}

function ask() {
  const box = part();
  if (!box || document.hidden || box.classList.contains("htmx-request")) return;
  // Not under a finger: what somebody is about to press stays until they have.
  if (box.querySelector(".htmx-request") || box.contains(document.activeElement?.closest("form"))) return;
  const waited = (performance.now() - (last.get(box.id) ?? 0)) / 1000;
  const longest = Number(box.dataset.atLeast ?? Infinity);
  if (!(wanted && waited >= Number(box.dataset.every)) && waited < longest) return;
  wanted = false;
  last.set(box.id, performance.now());
  box.dispatchEvent(new Event("alarms-changed"));
}

document.addEventListener("live", ({ detail: { frame, freshness } }) => {
  const box = part();
  if (frame && box && isNews(frame, box.dataset.refresh)) wanted = true;
  if (!frame && !freshness.phoneDoubt && freshness.snapshot) ask();
  if (!frame && box) box.classList.toggle("is-stale", Boolean(freshness.phoneDoubt) || freshness.link?.[0] !== "live");
});
