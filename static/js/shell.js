// The script of every page: theme, notices, and the service worker that keeps the app's shell.

import { watchRequests } from "./notices.js";
import { watchThemes } from "./theme.js";

watchThemes();
watchRequests();
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/sw.js", { scope: "/" }).catch(() => {
    // Without a service worker everything works, except that there is no page of our own while offline.
  });
}
