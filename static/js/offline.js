// The page without network: the last pages of this sign-in to read, each under the time as of which it is, all closed.

import { forget, read } from "./kept.js";
import { say } from "./strip.js";
import { t } from "./texts.js";
import { applyHands, applyTheme, remembered } from "./theme.js";
import { ageText, momentText, noteText } from "./words.js";

const LOOK_EVERY = 5000; // ms between two questions whether the server answers again
const byId = (id) => document.getElementById(id);
let shown = null; // the page that is read
let pages = [];

applyTheme(remembered("theme"));
applyHands(remembered("hands"));
byId("offline-look").hidden = byId("offline-hands").hidden = false;

async function start() {
  try {
    pages = await read();
  } catch {
    await forget(); // what cannot be opened is of no use to anybody
  }
  const here = location.pathname + location.search;
  shown = pages.find(({ address }) => address === here) ?? pages.find(({ address }) => address.split("?")[0] === location.pathname) ?? null;
  if (shown) show();
  if (pages.length) list();
  tick();
  setInterval(tick, 1000);
}

function show() {
  for (const style of shown.styles) if (!document.querySelector(`link[href="${CSS.escape(style)}"]`)) addStyle(style);
  // What this script took from a page that our own server drew; a parsed document runs nothing.
  const drawn = new DOMParser().parseFromString(`<main>${shown.html}</main>`, "text/html").body.firstElementChild;
  const place = byId("kept");
  place.replaceChildren(...[...drawn.childNodes].map((node) => document.adoptNode(node)));
  document.title = shown.title;
  const open = new Set(pages.map(({ address }) => address.split("?")[0]));
  for (const link of place.querySelectorAll("a[href]")) if (!open.has(link.pathname)) closeLink(link);
  for (const box of place.querySelectorAll("[data-closed]")) closeBox(box);
  for (const number of place.querySelectorAll("[data-tag]")) number.toggleAttribute("data-stale", true);
  for (const bar of place.querySelectorAll("[data-bar]")) bar.toggleAttribute("data-stale", true);
  for (const holder of place.querySelectorAll("[data-holds], [data-follows], .site")) holder.classList.add("is-stale");
  byId("offline-nothing").hidden = true;
  byId("as-of").hidden = place.hidden = false;
  document.body.setAttribute("data-reading", "");
}

function addStyle(href) {
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = href;
  document.head.append(link);
}

function closeLink(link) {
  link.removeAttribute("href");
  link.setAttribute("role", "link");
  link.setAttribute("aria-disabled", "true");
  link.classList.add("is-closed");
}

function closeBox(box) {
  const words = document.createElement("p");
  words.className = "closed-words";
  words.textContent = t("Closed: no connection.");
  if (box.matches("button, input, select, textarea")) box.classList.add("is-closed");
  else if (!box.parentElement.closest("[data-closed]")) box.append(words);
}

function list() {
  const rows = pages.map((page) => {
    const row = document.createElement("li");
    const link = document.createElement("a");
    link.className = "button kept-page";
    link.href = page.address;
    if (page === shown) link.setAttribute("aria-current", "page");
    const title = document.createElement("bdi");
    title.textContent = page.title.split(" \u00b7 ").slice(0, -1).join(" \u00b7 ") || page.title;
    const age = document.createElement("span");
    age.dataset.agesFrom = String(page.at);
    link.append(title, age);
    row.append(link);
    return row;
  });
  byId("kept-pages").replaceChildren(...rows);
  byId("kept-list").hidden = false;
}

function tick() {
  const now = Date.now();
  say(byId("offline-state"), navigator.onLine ? t("The phone has a network; the server does not answer.") : t("The phone has no network."));
  for (const age of document.querySelectorAll("[data-ages-from]")) say(age, t("{age} ago", { age: ageText((now - Number(age.dataset.agesFrom)) / 1000) }));
  if (!shown) return;
  if (now >= shown.until) {
    forget().then(() => location.reload()); // the sign-in is over by itself: nothing of it stays to be read
    shown = null;
    byId("kept").replaceChildren();
    return;
  }
  const plant = now + shown.ahead; // now by the clock that the samples' times follow
  say(byId("as-of-time"), momentText(shown.at + shown.ahead, shown.zone, plant));
  say(byId("as-of-zone"), shown.zone);
  say(byId("as-of-age"), t("{age} ago", { age: ageText((now - shown.at) / 1000) }));
  for (const note of byId("kept").querySelectorAll("[data-note-for]")) {
    const number = byId("kept").querySelector(`[data-tag="${CSS.escape(note.dataset.noteFor)}"]`);
    note.toggleAttribute("data-note-stale", true);
    if (number?.dataset.t) say(note, noteText(Number(number.dataset.code), plant - Number(number.dataset.t), "stale"));
  }
}

async function look() {
  if (document.hidden) return;
  try {
    const answer = await fetch("/offline/", { method: "HEAD", cache: "no-store" });
    if (answer.ok) location.reload(); // the page itself, live, or the sign-in
  } catch {
    // Still nothing.
  }
}

byId("forget").addEventListener("click", async () => {
  await forget();
  location.reload();
});
document.addEventListener("click", (event) => {
  const { themeChoice, handsChoice } = event.target.closest("button")?.dataset ?? {};
  if (themeChoice) applyTheme(themeChoice);
  if (handsChoice) applyHands(document.documentElement.dataset.hands === "gloves" ? "bare" : "gloves");
});
window.addEventListener("offline", tick);
window.addEventListener("online", look);
document.addEventListener("visibilitychange", look);
setInterval(look, LOOK_EVERY);
start();
