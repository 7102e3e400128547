// The script of every page: look and hands, notices, what the phone keeps, keeping awake, and new versions.

import { watchAwake } from "./awake.js";
import { watchRequests } from "./notices.js";
import { watchThemes } from "./theme.js";
import { watchVersions } from "./versions.js";

const { keep, keeps } = document.documentElement.dataset;
const { live, still } = document.body.dataset;

watchThemes();
watchRequests();
if ("serviceWorker" in navigator) watchVersions();
if (keep === "none" || (keeps !== undefined && !live && !still)) {
  // Nobody is signed in, or the page that may be kept was refused: nothing stays on this phone.
  import("./keeping.js").then(({ forget }) => forget());
} else if (keeps !== undefined && still) {
  import("./keeping.js").then(({ keepStillPage }) => keepStillPage(Number(still)));
} else if (keeps !== undefined) {
  document.addEventListener("live", () => import("./keeping.js").then(({ keepThisPage }) => keepThisPage()), { once: true });
}
document.addEventListener("signed-out", () => import("./keeping.js").then(({ forget }) => forget()));
// A page of somebody that comes back out of the browser's memory is asked for anew: they may have signed out since.
window.addEventListener("pageshow", (event) => event.persisted && keep && location.reload());
const awake = document.getElementById("awake");
if (awake) watchAwake(awake);
