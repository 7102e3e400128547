// Keeps the page that is open for reading without network: what stands in it now, without anything that acts.

import { begin, forget, keep } from "./kept.js";

export { forget } from "./kept.js";

const EVERY = 20_000; // ms between two copies while the page is in front
const NEVER = "script, style, link, meta, base, template, noscript, iframe, object, embed, canvas, audio, video, dialog, input[type=hidden]";
const ACTS = /^(?:hx-|on|style$|action$|method$|target$|ping$|srcset$|form|autofocus$|name$|value$|aria-live$|contenteditable$|popover|command)/i;
const SPOKEN_UP = new Set(["alert", "status", "log"]); // roles by which a page interrupts a screen reader

const { keep: label, keepLeft: left, keepIdle: idle } = document.documentElement.dataset;
const opened = Date.now();
const lastEnd = opened + Number(left);
const openIsUse = document.documentElement.hasAttribute("data-keep-open");
let ready = false;
let copied = 0; // when the last copy was taken
let heard = null; // the freshness as it was drawn last
let wasFresh = false;
let over = false;
let busy = Promise.resolve();

export async function keepThisPage() {
  try {
    await begin(label);
  } catch {
    return; // no safe place on this phone: nothing is kept, and the offline page says so
  }
  ready = true;
  document.addEventListener("live:drawn", ({ detail }) => drawn(detail.freshness));
  document.addEventListener("visibilitychange", () => document.hidden && copy());
  document.addEventListener("click", (event) => event.target.closest?.("a[href]") && copy(), { capture: true });
}

// A page without live values, as notes and hand-overs are: it stays as it was when it was drawn, `drawnAt` by the
// server's clock (epoch ms).
export async function keepStillPage(drawnAt) {
  try {
    await begin(label);
  } catch {
    return;
  }
  ready = true;
  document.addEventListener("live:drawn", ({ detail }) => detail.freshness.ended && !over && end());
  heard = { ever: true, phoneDoubt: false, silence: Date.now() - opened, now: drawnAt + Date.now() - opened };
  copy();
}

function drawn(freshness) {
  heard = freshness;
  if (freshness.ended) {
    if (!over) end();
    return;
  }
  const fresh = !freshness.phoneDoubt && freshness.snapshot;
  // The last moment before the connection went is the one that somebody will want to read.
  if ((fresh && Date.now() - copied >= EVERY) || (wasFresh && !fresh && !freshness.checking)) copy(true);
  wasFresh = fresh;
}

function end() {
  over = true;
  busy = busy.then(forget);
}

function copy(sure = false) {
  if (!ready || over || !heard || !heard.ever || (!sure && heard.phoneDoubt)) return;
  const now = Date.now();
  copied = now;
  const at = now - Math.round(heard.silence); // when the phone heard last
  const until = Math.min(lastEnd, (openIsUse ? at : opened) + Number(idle));
  const { zone = "UTC" } = document.body.dataset;
  const page = {
    address: location.pathname + location.search,
    title: document.title,
    zone,
    ahead: Math.round(heard.now - now), // ms by which the samples' clock is ahead of this phone's
    styles: [...document.querySelectorAll('link[rel="stylesheet"]')].map((link) => new URL(link.href).pathname),
    html: readOnly(document.getElementById("content")),
  };
  busy = busy.then(() => (over ? false : keep(label, page, at, until))).catch(() => false);
}

// A copy of `main` with what can be read and nothing that can be done. Forms become boxes that say that they are closed.
export function readOnly(main) {
  const copied = main.cloneNode(true);
  for (const element of copied.querySelectorAll(NEVER)) element.remove();
  for (const image of copied.querySelectorAll("img")) {
    if (!new URL(image.src, location.href).pathname.startsWith("/static/")) image.remove();
  }
  for (const form of copied.querySelectorAll("form")) {
    const box = document.createElement("div");
    box.className = form.className;
    box.dataset.closed = "";
    box.append(...form.childNodes);
    form.replaceWith(box);
  }
  for (const control of copied.querySelectorAll("button, input, select, textarea")) {
    control.setAttribute("disabled", "");
    if (!control.closest("[data-closed]")) control.dataset.closed = "";
  }
  for (const link of copied.querySelectorAll("a[href]")) {
    const { origin, pathname, search } = new URL(link.href, location.href);
    if (origin === location.origin) link.setAttribute("href", pathname + search);
    else link.removeAttribute("href");
  }
  for (const element of copied.querySelectorAll("*")) {
    if (SPOKEN_UP.has(element.getAttribute("role"))) element.removeAttribute("role");
    for (const { name } of [...element.attributes]) if (ACTS.test(name)) element.removeAttribute(name);
  }
  return copied.innerHTML;
}
