// Tells when the page comes back: to the front, from the browser's cache, from sleep, to another network.

const TICK = 250; // ms between two looks at the clock while the page is in front
const GAP = 4000; // ms between two ticks that mean the phone slept, whether or not the browser says so

// `on` has wake(), hide(), offline(), tick().
export function watchWaking(on) {
  let last = Date.now();
  document.addEventListener("visibilitychange", () => {
    last = Date.now();
    if (document.hidden) on.hide();
    else on.wake();
  });
  window.addEventListener("pageshow", (event) => event.persisted && on.wake());
  window.addEventListener("online", () => on.wake());
  window.addEventListener("offline", () => on.offline());
  document.addEventListener("resume", () => on.wake());
  return setInterval(() => {
    const gap = Date.now() - last;
    last = Date.now();
    if (gap > GAP && !document.hidden) on.wake();
    on.tick();
  }, TICK);
}
