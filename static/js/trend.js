// The page of a trend: fetches the part again when the time moves on or is moved, and keeps what it has when it cannot.

import { clearNotice, notice } from "./notices.js";
import { Edge } from "./trend_edge.js";
import { watchGestures } from "./trend_gestures.js";
import { Picture } from "./trend_picture.js";
import { momentText, say, setText } from "./trend_words.js";

const PATIENCE = 20000; // ms; the server gives up after 17.5 s
const AGAIN = 15000; // ms until the next try after one that failed
const NOT_MORE_OFTEN = 5000; // ms between two fetches that nobody asked for
const { zone } = document.body.dataset;
const edge = new Edge();
let picture = read();
let cursor = null; // epoch ms that the person points at; null follows the newest
let fetching = null;
let due = 0;
let fetched = performance.now();
let live = null;

function read() {
  const root = document.getElementById("trend");
  return root ? new Picture(root, zone) : null;
}

// Put a new picture in place of the one shown, unless it has nothing and the one shown has something.
function show(root) {
  if (!picture.drawn || new Picture(root, zone).drawn || !root.dataset.trouble) {
    const open = [...picture.root.querySelectorAll("details[open][id]")].map((each) => each.id);
    const focused = document.activeElement?.id === "trend-cursor";
    picture.root.replaceWith(root);
    picture = read();
    for (const id of open) root.querySelector(`#${id}`)?.setAttribute("open", "");
    prepare();
    if (focused) document.getElementById("trend-cursor")?.focus();
    document.dispatchEvent(new Event("htmx:afterSettle")); // the live page looks for its values again
  } else {
    kept(root.dataset.trouble);
    return;
  }
  if (root.dataset.trouble) schedule(AGAIN);
  else clearNotice("trend");
}

function kept(why) {
  const until = picture.asOf ? say("kept", { moment: momentText(picture.asOf, zone, picture.now) }) : "";
  notice("trend", [why, until, say("again")].filter(Boolean).join(" "));
  back();
  schedule(AGAIN);
}

// As it was before a finger moved it.
function back() {
  picture.preview(picture.start, picture.end);
  point();
  if (live) edge.draw(picture, live.board);
}

async function load(href, { chosen = false } = {}) {
  if (fetching && !chosen) return;
  fetching?.abort();
  const mine = (fetching = new AbortController());
  const timer = setTimeout(() => mine.abort(), PATIENCE);
  fetched = performance.now();
  picture.root.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(href, { headers: { "HX-Request": "true" }, redirect: "manual", signal: mine.signal });
    if (answer.type === "opaqueredirect" || answer.status === 403 || answer.status === 404) {
      location.assign(href); // the page itself says why it is shut, or leads to the sign-in
      return;
    }
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const root = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("trend");
    if (!root || fetching !== mine) return;
    if (chosen) {
      history.replaceState(null, "", href);
      keepTime();
    }
    schedule(Number(root.dataset.refresh));
    show(document.adoptNode(root));
  } catch {
    if (fetching === mine) kept(say("failed"));
  } finally {
    clearTimeout(timer);
    if (fetching === mine) {
      fetching = null;
      picture.root.removeAttribute("aria-busy");
    }
  }
}

function schedule(ms) {
  clearTimeout(due);
  if (ms > 0) due = setTimeout(refresh, ms);
}

function refresh() {
  if (live?.freshness.ended) return;
  if (document.hidden || gestures.busy()) schedule(NOT_MORE_OFTEN);
  else load(picture.here);
}

// Links outside of the picture lead to the stretch of time that is shown now.
function keepTime() {
  const shown = new URL(location.href).searchParams;
  for (const link of document.querySelectorAll("a[data-keeps-time]")) {
    const address = new URL(link.href);
    for (const name of "span from to".split(" ")) {
      if (shown.has(name)) address.searchParams.set(name, shown.get(name));
      else address.searchParams.delete(name);
    }
    link.href = address.href;
  }
}

function point() {
  if (!picture.pens.length) return;
  const newest = Math.min(picture.asOf || picture.end, picture.end) - 1;
  picture.point(cursor ?? newest, cursor !== null);
}

function settle(from, to) {
  const room = picture.now + (performance.now() - fetched) + (to - from) / 40;
  const over = Math.max(0, to - room);
  const address = new URL(picture.here, location.href);
  address.searchParams.delete("span");
  for (const [name, ms] of Object.entries({ from: from - over, to: to - over })) {
    address.searchParams.set(name, new Date(Math.max(0, ms)).toISOString().replace(/\.\d+/, ""));
  }
  load(address.pathname + address.search, { chosen: true });
}

function prepare() {
  picture.range?.addEventListener("input", () => {
    cursor = picture.start + (Number(picture.range.value) + 0.5) * picture.width;
    point();
  });
  const share = picture.root.querySelector("[data-share]");
  if (share && (navigator.share || navigator.clipboard)) {
    share.hidden = false;
    share.addEventListener("click", () => send(share));
  }
  point();
  if (live) edge.draw(picture, live.board);
}

async function send(button) {
  const url = new URL(picture.here, location.href).href;
  try {
    if (navigator.share) await navigator.share({ title: document.title, url });
    else {
      await navigator.clipboard.writeText(url);
      setText(button, say("copied"));
    }
  } catch (error) {
    if (error.name !== "AbortError") setText(button, say("notShared"));
  }
}

let gestures = { busy: () => false };
if (picture) {
  gestures = watchGestures(document.getElementById("content"), {
    picture: () => picture,
    preview: (from, to) => picture.preview(from, to),
    settle,
    cancel: back,
    point: (ms) => {
      cursor = ms;
      point();
    },
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[data-trend]");
    if (!link || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    cursor = null;
    load(link.getAttribute("href"), { chosen: true });
  });
  document.addEventListener("live:drawn", (event) => {
    live = event.detail;
    if (live.freshness.ended) {
      fetching?.abort();
      schedule(0);
      picture.root.replaceChildren(); // the access ended: nothing of the plant stays on the screen
      picture = read();
      return;
    }
    if (gestures.busy()) return;
    const outside = edge.take(picture, live.board, live.freshness);
    edge.draw(picture, live.board);
    if (outside && picture.follows && performance.now() - fetched > NOT_MORE_OFTEN) load(picture.here);
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && picture.follows && performance.now() - fetched > picture.refresh) load(picture.here);
  });
  addEventListener("resize", () => live && edge.draw(picture, live.board));
  prepare();
  if ("pending" in picture.root.dataset) load(picture.here);
  else schedule(picture.root.dataset.trouble ? AGAIN : picture.refresh);
}
