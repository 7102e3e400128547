// The strip on top: the site's link, this phone's connection, the clock. And the notice that ends a page.

import { ageText, clockText, linkText, modeText } from "./words.js";

const byId = (id) => document.getElementById(id);

export function say(element, text) {
  if (element && element.textContent !== text) element.textContent = text;
}

export function drawStrip(freshness, { place, zone }) {
  const doubt = freshness.phoneDoubt;
  const { now, link } = freshness;
  say(byId("strip-clock"), clockText(now, zone));
  if (link) {
    const [state, since, reason] = link;
    // Without a connection of its own the phone does not know how the link is: it says what it last heard.
    const words = linkText(state, since, zone, now);
    say(byId("strip-link-words"), `${place}: ${doubt && doubt !== "checking" ? "last known: " : ""}${words}`);
    say(byId("strip-reason"), state === "live" ? "" : reason || "");
    drawMode(freshness.mode ? modeText(...freshness.mode, zone, now) : "");
    byId("strip-link").dataset.state = doubt ? "" : state;
  }
  say(byId("strip-phone"), phoneWords(freshness, doubt));
  say(byId("strip-age"), doubt === "stale" ? `No data for ${ageText(freshness.silence / 1000)}.` : "");
  byId("strip").toggleAttribute("data-trouble", Boolean(doubt) || Boolean(link && link[0] !== "live"));
}

// The switch at the plant, on the strip and over the controls of a unit.
function drawMode(words) {
  say(byId("strip-mode"), words);
  const controls = byId("controls-mode");
  if (!controls) return;
  controls.hidden = !words;
  say(controls, words ? `Closed at the plant. ${words}.` : "");
}

function phoneWords(freshness, doubt) {
  if (doubt === "ended") return "This page has ended.";
  if (doubt === "checking") return "Checking the connection";
  if (!freshness.ever && !doubt) return "Connecting";
  if (doubt && navigator.onLine === false) return "This phone is offline.";
  if (doubt) return freshness.connected ? "This phone gets no data, trying." : "This phone has no connection, trying.";
  return "This phone: connected";
}

// The end of a page: why, in words, and the way on. `href` leads to the person's sites unless they are signed out.
export function endPage(why, href = "/", label = "My sites") {
  const box = document.createElement("div");
  box.className = "notice notice-end";
  box.id = "ended";
  box.setAttribute("role", "alert");
  const text = document.createElement("p");
  text.textContent = why;
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
