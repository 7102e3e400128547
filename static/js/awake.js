// Keeps the screen on while somebody watches: only by the person's own switch, only while the page is in front, and
// said in words when the phone refuses. Screen Wake Lock API (W3C).

import { t } from "./texts.js";

const KEY = "awake"; // remembered for this tab only: a phone in a pocket must not stay on for ever

export function watchAwake(button) {
  let lock = null;
  let wanted = stored() === "on";
  const place = document.getElementById("awake-words");

  const draw = (words = "") => {
    button.setAttribute("aria-pressed", String(wanted));
    if (place.textContent !== words) place.textContent = words;
  };

  const take = async () => {
    if (!wanted || lock || document.hidden) return;
    if (!("wakeLock" in navigator)) {
      refuse(t("This phone cannot keep its screen on."));
      return;
    }
    try {
      const got = await navigator.wakeLock.request("screen");
      if (!wanted || document.hidden) {
        await got.release();
        return;
      }
      lock = got;
      lock.addEventListener("release", () => {
        lock = null;
        // The phone takes it back when its battery is low, too; then it is said, and asked for again in front only.
        if (wanted && !document.hidden) refuse(t("The phone no longer keeps its screen on."));
      });
      draw();
    } catch {
      if (!document.hidden) refuse(t("The phone refuses to keep its screen on: low battery, perhaps."));
    }
  };

  const refuse = (words) => {
    wanted = false;
    store(wanted);
    draw(words);
  };

  button.hidden = false;
  button.addEventListener("click", () => {
    wanted = !wanted;
    store(wanted);
    draw();
    if (wanted) take();
    else lock?.release();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) lock?.release();
    else take();
  });
  draw();
  take();
}

function stored() {
  try {
    return sessionStorage.getItem(KEY);
  } catch {
    return null;
  }
}

function store(wanted) {
  try {
    sessionStorage.setItem(KEY, wanted ? "on" : "off");
  } catch {
    // Then it is off again on the next page.
  }
}
