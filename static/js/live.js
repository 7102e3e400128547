// The script of every live page: one socket, what it brings into the elements, and honest marks when it brings nothing.

import { Assets } from "./assets.js";
import { Banner } from "./banner.js";
import { Cards } from "./cards.js";
import { Freshness } from "./freshness.js";
import { clearNotice, notice } from "./notices.js";
import { Board } from "./paint.js";
import { said } from "./said.js";
import { LiveSocket } from "./socket.js";
import { drawStrip, endPage } from "./strip.js";
import { t } from "./texts.js";
import { watchWaking } from "./wake.js";

const WAKE_LIMIT = 3000; // ms for a snapshot after waking up; then the connection is given up as dead
const WHAT_NOW = t("What to do now"); // the page's own address says why it is shut and how to ask, or leads to the sign-in
const ATTEMPTS_BEFORE_ASKING = 3; // refused connections before the page asks whether it may still be open at all

const { live, now, zone, place } = document.body.dataset;
const here = () => document.body.dataset.here ?? location.href; // a page that answered a form is asked for elsewhere
const pane = document.getElementById("beside"); // for the site's list beside a tank
const isWide = matchMedia("(min-width: 1000px) and (min-height: 600px)"); // as in page.css
let beside = false;
const freshness = new Freshness(Number(now));
const board = new Board(zone);
const assets = new Assets();
const cards = new Cards();
const banner = new Banner();
let wakeTimer = 0;

// What is derived is drawn when it changed (`changed`: the ids, null for all) or when its level turned stale or fresh.
function draw(changed = new Set()) {
  const turned = board.draw(freshness);
  if (turned || changed === null) assets.draw(board);
  else if (changed.size) assets.draw(board, changed);
  cards.draw(freshness);
  if (freshness.snapshot && !freshness.phoneDoubt && freshness.link?.[0] === "live") document.querySelector("#trouble[data-passes]")?.remove();
  drawStrip(freshness, { place, zone, newest: board.newest, behind: board.times.furthest });
  banner.draw(freshness);
  tell();
  document.dispatchEvent(new CustomEvent("live:drawn", { detail: { board, freshness } })); // for a trend's live edge
}

function take(frame) {
  freshness.frame(frame.t);
  banner.take(frame.al);
  if (frame.al) document.getElementById("asset-alarms")?.dispatchEvent(new Event("alarms-changed"));
  if (frame.link) {
    freshness.link = frame.link;
    freshness.mode = frame.mode ?? null; // comes with the link's state, and only while the plant is not fully open
  }
  if (frame.src) freshness.sources = frame.src;
  if (frame.k === "s") {
    takeSnapshot(frame);
    tell(frame);
    draw(null);
  } else if (frame.k === "d") {
    const changed = assets.standingOn(board.update(frame));
    assets.update(frame.x);
    cards.update(frame.sites);
    tell(frame);
    draw(new Set([...changed, ...Object.keys(frame.x ?? {})]));
  } else {
    if (frame.fav) tell(frame); // favourites hear of the links and sources of their sites
    draw();
  }
}

// For what only some pages show, alarms for instance: they listen instead of being loaded everywhere.
function tell(frame = null) {
  document.dispatchEvent(new CustomEvent("live", { detail: { frame, freshness } }));
}

function takeSnapshot(frame) {
  clearTimeout(wakeTimer);
  freshness.checking = false;
  freshness.snapshot = freshness.ever = true;
  if (frame.sites) {
    const list = document.getElementById("site-list");
    // The set of sites changed since the page was drawn: fetch the list again. (Pages without a list show one site.)
    if (!cards.snapshot(frame.sites)) list?.dispatchEvent(new Event("sites-changed"));
    return;
  }
  if (document.body.hasAttribute("data-empty") && Object.keys(frame.h ?? {}).length) {
    location.reload(); // the site could not be asked when the page was drawn; now it can
    return;
  }
  board.snapshot(frame);
  assets.snapshot(frame.x);
  const known = new Set(document.body.dataset.assets?.split(" "));
  if (beside) return; // then the frame holds the whole list, which is drawn anew with each page
  const strangers = Object.keys(frame.x ?? {}).filter((asset) => !known.has(asset));
  if (strangers.length) notice("layout", t("What this site has was changed."), { href: location.href, label: t("Reload") });
}

function lost(why) {
  freshness.connected = freshness.snapshot = false;
  if (why) notice("farewell", said(why), { href: here(), label: t("Reload") });
  draw();
}

function end(why, href, label) {
  freshness.ended = true;
  freshness.connected = false;
  socket.stop();
  board.blank();
  assets.blank();
  cards.blank();
  banner.blank();
  clearNotice("farewell"); // the end says the same, and says what to do
  endPage(why, href, label);
  draw();
}

function wake() {
  if (freshness.ended) return;
  freshness.checking = freshness.ever;
  draw();
  if (socket.behind) socket.background(false);
  else socket.resync();
  if (!socket.open) socket.start();
  clearTimeout(wakeTimer);
  wakeTimer = setTimeout(() => freshness.checking && socket.restart(), WAKE_LIMIT);
}

// The browser cannot tell why a socket was refused; the page's own address can.
async function askWhetherOpen(attempts) {
  if (attempts % ATTEMPTS_BEFORE_ASKING !== 0) return;
  try {
    const answer = await fetch(here(), { method: "HEAD", redirect: "manual", cache: "no-store" });
    if (answer.type === "opaqueredirect") end(t("You are signed out."), here(), t("Sign in"));
    else if (answer.status === 403) end(t("This page is no longer open to you."), here(), WHAT_NOW);
    else if (answer.status === 404) end(t("This page is no longer open to you."));
  } catch {
    // No connection: the strip says so, and the socket keeps trying.
  }
}

// The list's values come over the same socket, which asks for them.
function openBeside() {
  if (!pane || beside || !isWide.matches) return;
  beside = true;
  socket.path = `${live}?beside=1`;
  import("./beside.js").then(({ fill }) => fill(pane));
  if (socket.socket) socket.restart();
}

const socket = new LiveSocket(live, {
  frame: take,
  opened: () => {
    freshness.connected = true;
    draw();
  },
  lost,
  gap: () => {
    freshness.checking = freshness.ever;
    draw();
  },
  ended: (why) => end(why, here(), WHAT_NOW),
  refused: askWhetherOpen,
});

watchWaking({
  wake,
  hide: () => socket.background(true),
  offline: () => socket.restart(),
  tick: () => document.hidden || draw(),
});
document.addEventListener("htmx:afterSettle", () => {
  board.index();
  assets.index();
  draw(null);
});
if (document.hidden) socket.background(true);
draw();
openBeside();
isWide.addEventListener("change", openBeside);
socket.start();
