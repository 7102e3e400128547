// The service worker, and the offer to load a new version. Nothing reloads by itself under a person's hands.

import { notice } from "./notices.js";
import { t } from "./texts.js";

const LOOK_EVERY = 3600_000; // ms between two questions whether there is a new version, on a page that stays open
const own = document.documentElement.dataset.version;
let asked = false;

export async function watchVersions() {
  const { serviceWorker } = navigator;
  try {
    const registration = await serviceWorker.register("/sw.js", { scope: "/" });
    serviceWorker.addEventListener("message", ({ data }) => data?.newer && offer(registration));
    serviceWorker.addEventListener("controllerchange", () => asked && location.reload());
    serviceWorker.ready.then(({ active }) => active.postMessage({ speaks: document.documentElement.lang }));
    const look = () => registration.waiting && serviceWorker.controller && registration.waiting.postMessage({ ask: own });
    look();
    registration.addEventListener("updatefound", () => registration.installing?.addEventListener("statechange", look));
    setInterval(() => registration.update().catch(() => {}), LOOK_EVERY);
  } catch {
    // Without a service worker everything works, except that there is no page of our own while offline.
  }
}

function offer(registration) {
  notice("version", t("A new version is ready."), {
    label: t("Load it now"),
    act: () => {
      asked = true;
      if (registration.waiting) registration.waiting.postMessage({ take: true });
      else location.reload(); // another tab took it meanwhile
    },
  });
}
