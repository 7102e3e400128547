// The page of one alarm: its forms are about the alarm as it was when they were drawn. Once the plant reports what was
// asked here they are drawn anew; what anybody else changed is said, and shuts them until somebody looked.

const list = document.querySelector("[data-alarm-list][data-one]");
const changed = document.getElementById("alarm-changed");
const outcome = document.getElementById("alarm-outcome");
const PATIENCE = 30000; // ms after the site's answer in which the plant's report of it is expected
const TOGETHER = 5000; // ms in which a source may report one act in several steps
const forms = () => document.getElementById("alarm-forms");

let asking = false; // a form of this page is on its way
let before = null; // how the alarm stood when it was sent
let hoped = null; // {what, until}: what the site took and the plant has not reported yet
let known = false; // what stands on the page came from the plant, not from an older page

function stand() {
  const row = list.querySelector("[data-alarm]");
  return {
    eid: row?.dataset.eid ?? "",
    active: Boolean(row?.hasAttribute("data-active")),
    waits: Boolean(row?.classList.contains("is-waiting")),
    shelved: Boolean(row?.hasAttribute("data-shelved")),
  };
}

// Whether the alarm stands as it should after what was done here, and nothing else happened to it.
function isOwn(now) {
  if (!hoped || performance.now() > hoped.until) return false;
  if (hoped.what === "shelve") return now.shelved && now.active === before.active;
  if (hoped.what === "unshelve") return !now.shelved && now.active === before.active;
  return !now.waits && now.active === before.active;
}

function look() {
  if (!known || asking) return;
  const now = stand();
  const { seen, shelved } = forms().dataset;
  const other = now.eid !== seen || now.shelved !== (shelved !== undefined);
  if (other && isOwn(now)) {
    hoped.until = Math.min(hoped.until, performance.now() + TOGETHER);
    shut(true);
    if (!forms().classList.contains("htmx-request")) forms().dispatchEvent(new Event("alarm-done"));
    return;
  }
  changed.hidden = !other;
  shut(other);
}

function shut(yes) {
  list.toggleAttribute("data-other", yes); // alarm_acts.js opens and closes the forms by it
  list.dispatchEvent(new Event("alarms:shut", { bubbles: true }));
}

if (list) {
  list.addEventListener("alarms:drawn", () => {
    known = true;
    look();
  });
  document.addEventListener("htmx:beforeSend", ({ detail }) => {
    if (detail.target !== outcome) return;
    asking = true;
    before = stand();
  });
  document.addEventListener("htmx:afterRequest", ({ detail }) => {
    if (detail.target !== outcome) return;
    asking = false;
    const what = detail.successful && outcome.querySelector("[data-done]")?.dataset.done;
    hoped = what ? { what, until: performance.now() + PATIENCE } : null;
    look();
  });
  // The forms are new: whoever pressed one of them goes on from what came of it.
  document.addEventListener("htmx:afterSettle", ({ detail, target }) => {
    if (target.id !== "alarm-forms" && detail.elt?.id !== "alarm-forms") return;
    if (document.activeElement === document.body) outcome.focus({ preventScroll: true });
    look();
  });
  for (const name of ["htmx:sendError", "htmx:timeout", "htmx:responseError"]) {
    document.addEventListener(name, ({ target }) => {
      if (target.id === "alarm-forms") changed.hidden = false; // they could not be drawn anew: opening the page does it
    });
  }
}
