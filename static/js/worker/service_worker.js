// The service worker: keeps the shell (styles, scripts, icons, the offline page) and nothing else. No page with data and
// no answer of the server is ever stored: an old value must not come back looking like a new one.

const { version, files, offline } = self.SHELL;
const CACHE = `sightline-shell-${version}`;

self.addEventListener("install", (event) => {
  event.waitUntil(fill().then(() => self.skipWaiting()));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => offlinePage()));
  else if (files.includes(url.pathname)) event.respondWith(fromShell(request, url.pathname));
});

async function fill() {
  const cache = await caches.open(CACHE);
  // "reload" goes past the browser's own cache; the offline page is fetched as nobody, so it holds nothing of anybody.
  const wanted = [...files.map((file) => new Request(file, { cache: "reload" })), new Request(offline, { credentials: "omit" })];
  await cache.addAll(wanted);
}

async function forgetOthers() {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("sightline-shell-") && name !== CACHE);
  await Promise.all(old.map((name) => caches.delete(name)));
}

async function fromShell(request, path) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path)) ?? fetch(request);
}

async function offlinePage() {
  const cache = await caches.open(CACHE);
  return (await cache.match(offline)) ?? Response.error();
}
