// The forms that act on alarms: open only while what they are about is the present, never silent about an answer that
// did not come, and plain about what the plant reported in the end.

import { clearNotice } from "./notices.js";

const place = document.getElementById("alarm-outcome");
let current = false;
let present = new Set(); // the alarms on the page when it asked

// Before the first frame nothing is known to be the present; the page of an alarm that changed is shut until it is
// opened again.
function mark(freshness) {
  current = !freshness.phoneDoubt && freshness.snapshot && freshness.link?.[0] === "live";
  draw();
}

function draw() {
  const open = current && !document.querySelector("[data-alarm-list][data-other]");
  for (const acts of document.querySelectorAll("[data-acts-of-page]")) {
    if (acts.closest("form").classList.contains("htmx-request")) continue;
    acts.disabled = !open || acts.hasAttribute("data-closed");
  }
}

function tell(words, unknown) {
  const box = document.createElement("p");
  box.className = unknown ? "notice is-bad" : "notice";
  box.textContent = words;
  place.replaceChildren(box);
  place.scrollIntoView({ block: "nearest" });
}

function unknown() {
  clearNotice("request"); // of the whole page: it knows less about what was asked than this does
  tell(place.dataset.noAnswer, true);
}

// What the site took is told as done when the plant's own report of it is on the page, and not before.
function report() {
  for (const told of place.querySelectorAll("[data-reported]")) {
    if (!isReported(told.dataset)) continue;
    told.querySelector("[data-words]").textContent = told.dataset.reported;
    told.removeAttribute("data-reported");
  }
}

function isReported({ of: id, done }) {
  const row = document.querySelector(`[data-alarm="${CSS.escape(id)}"]`);
  if (row) {
    const shelved = row.hasAttribute("data-shelved");
    if (done === "shelve") return shelved;
    return done === "unshelve" ? !shelved : !row.classList.contains("is-waiting");
  }
  // It was here and left. A flood that is rolled up hides rows too, and says nothing by it.
  return done !== "shelve" && present.has(id) && !document.querySelector("[data-flood]:not([hidden])");
}

const ours = (event) => place && event.detail.requestConfig?.verb === "post" && event.detail.target === place;

if (place) {
  document.addEventListener("live", ({ detail: { frame, freshness } }) => frame || mark(freshness));
  document.addEventListener("alarms:drawn", report);
  document.addEventListener("alarms:shut", draw);
  document.addEventListener("htmx:beforeSend", (event) => {
    if (!ours(event)) return;
    present = new Set([...document.querySelectorAll("[data-alarm]")].map((row) => row.dataset.alarm));
    tell(place.dataset.waiting, false);
  });
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    draw(); // parts that came after the mark was set
    report();
    const next = target.querySelector?.("[data-next-nonce]")?.dataset.nextNonce;
    if (!next) return;
    for (const input of document.querySelectorAll("[data-nonce]")) input.value = next;
    target.scrollIntoView({ block: "nearest" });
  });
  // Without an answer nobody knows: the form keeps its key, so that the same touch asks again without doing it twice.
  for (const name of ["htmx:timeout", "htmx:sendError", "htmx:swapError"]) {
    document.addEventListener(name, (event) => ours(event) && unknown());
  }
  document.addEventListener("htmx:responseError", (event) => {
    if (!ours(event)) return;
    const { status } = event.detail.xhr;
    if (status >= 500 && status !== 503) unknown();
    else place.replaceChildren(); // refused before anything was asked; the notice over the page says why
  });
}
