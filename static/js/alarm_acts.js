// The forms that act on alarms: open only while what they are about is the present, and never silent about an answer
// that did not come.

import { clearNotice } from "./notices.js";

const place = document.getElementById("alarm-outcome");
let open = false;

// Before the first frame nothing is known to be the present; the page of an alarm that changed is shut until it is
// opened again.
function mark(freshness) {
  const whole = Boolean(freshness.phoneDoubt) || !freshness.snapshot || freshness.link?.[0] !== "live";
  open = !whole && !document.querySelector("[data-alarm-list][data-other]");
  draw();
}

function draw() {
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

const ours = (event) => place && event.detail.requestConfig?.verb === "post" && event.detail.target === place;

if (place) {
  document.addEventListener("live", ({ detail: { frame, freshness } }) => frame || mark(freshness));
  document.addEventListener("htmx:beforeSend", (event) => ours(event) && tell(place.dataset.waiting, false));
  document.addEventListener("htmx:afterSwap", ({ target }) => {
    draw(); // parts that came after the mark was set
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
