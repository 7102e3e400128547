// The strip on top: the site's link, this phone's connection, the clock. And the notice that ends a page.

import { said } from "./said.js";
import { t } from "./texts.js";
import { CLOCK_TOLERANCE, ageText, clockText, linkText, modeText } from "./words.js";

const OPENING = 3000; // ms from opening the page
const LINK_SILENCE = 3; // seconds after which the web app calls a site silent (hmi/ingest/link_status.py)

const byId = (id) => document.getElementById(id);

export function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

// A number and its word: `place` is what templates/screens/_counted.html drew.
export function sayCount(place, count) {
  say(place.querySelector("strong"), String(count));
  sayCounted(place, count);
}

// The word alone, where several numbers stand before it.
export function sayCounted(place, count) {
  const word = place.querySelector("[data-one]");
  if (word) say(word, count === 1 ? word.dataset.one : word.dataset.many);
}

export function drawStrip(freshness, { place, zone, newest = null, behind = 0 }) {
  const doubt = freshness.phoneDoubt;
  const { now, link } = freshness;
  say(byId("strip-clock"), clockText(now, zone));
  if (link) {
    const [state, since, reason] = link;
    // Without a connection of its own the phone does not know how the link is: it says what it last heard.
    const words = linkText(state, since, zone, now);
    say(byId("strip-link-words"), doubt && doubt !== "checking" ? t("{place}: last known: {words}", { place, words }) : `${place}: ${words}`);
    say(byId("strip-reason"), state === "live" ? "" : said(reason || ""));
    drawMode(freshness.mode ? modeText(...freshness.mode, zone, now) : "");
    byId("strip-link").dataset.state = doubt ? "" : state;
  } else if (doubt) drawnOnly(byId("strip-link"), place);
  say(byId("strip-phone"), phoneWords(freshness, doubt));
  say(byId("strip-age"), doubt === "stale" ? t("No data for {age}.", { age: ageText(freshness.silence / 1000) }) : "");
  say(byId("age-source"), sourceAge(now, newest, behind));
  say(byId("age-link"), link ? linkAge(link, doubt, now) : "");
  say(byId("age-phone"), freshness.ever ? t("Phone {age}", { age: ageText(freshness.silence / 1000) }) : "");
  byId("strip").toggleAttribute("data-trouble", Boolean(doubt) || isTrouble(link, freshness.opened.elapsed));
}

// A link that is opened because this page was is no trouble yet: more lines for that moment would move the page twice.
function isTrouble(link, opened) {
  if (!link || link[0] === "live") return false;
  return link[0] !== "connecting" || opened > OPENING;
}

// No frame ever came: what the server drew with the page is the last that was heard.
function drawnOnly({ dataset }, place) {
  if (!dataset.words) return;
  say(byId("strip-link-words"), t("{place}: last known: {words}", { place, words: dataset.words }));
  dataset.state = "";
}

// Three ages, each of its own: the newest sample on the page by the source's clock (old where nothing changes), the last word of the site, the last of ours.
function sourceAge(now, newest, behind) {
  if (newest === null) return "";
  const age = now - newest;
  if (age < -CLOCK_TOLERANCE) return t("Source clock {age} ahead", { age: ageText(-age / 1000) });
  if (behind) return t("Source times {age} behind", { age: ageText(behind / 1000) });
  return t("Sample {age}", { age: ageText(age / 1000) });
}

function linkAge([state, since], doubt, now) {
  if (doubt) return t("Link not known");
  if (state === "live") return t("Link <{age}", { age: ageText(LINK_SILENCE) });
  return state === "connecting" ? t("Link connecting") : t("Link {age}", { age: ageText((now - since) / 1000) });
}

// The switch at the plant, on the strip and over the controls of a unit.
function drawMode(words) {
  say(byId("strip-mode"), words);
  const controls = byId("controls-mode");
  if (!controls) return;
  controls.hidden = !words;
  say(controls, words ? t("Closed at the plant. {words}.", { words }) : "");
}

function phoneWords(freshness, doubt) {
  if (doubt === "ended") return t("This page has ended.");
  if (doubt === "checking") return t("Checking the connection");
  if (!freshness.ever && !doubt) return t("Connecting");
  if (doubt && navigator.onLine === false) return t("This phone is offline.");
  if (doubt) return freshness.connected ? t("This phone gets no data, trying.") : t("This phone has no connection, trying.");
  return t("This phone: connected");
}

// The end of a page: why, in words, and the way on. `href` leads to the person's sites unless they are signed out.
export function endPage(why, href = "/", label = t("My sites")) {
  const box = document.createElement("div");
  box.className = "notice notice-end";
  box.id = "ended";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = said(why);
  const link = document.createElement("a");
  link.className = "button";
  link.href = href;
  link.textContent = label;
  box.append(text, link);
  byId("ended")?.remove();
  byId("content").prepend(box);
  document.body.setAttribute("data-ended", "");
  window.scrollTo(0, 0);
}
