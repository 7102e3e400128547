// The service worker: keeps the shell (styles, scripts, icons, the offline page) and nothing else. No page with data and
// no answer of the server is ever stored by it: an old value must not come back looking like a new one. What a phone
// keeps to be read without network is another matter, and sealed (static/js/kept.js).

const { version, files, offline, languages } = self.SHELL;
const CACHE = `sightline-shell-${version}`;
const SPOKEN = `${offline}spoken`; // in the cache: the language of the last page that was open
const TEXTS = Object.values(languages).flat(); // offline page and its scripts' texts, kept in that one language

// A new version waits until somebody takes it, or until no page is open: it never changes a page under a person's hands.
self.addEventListener("install", (event) => event.waitUntil(fill()));

self.addEventListener("activate", (event) => {
  event.waitUntil(forgetOthers().then(() => self.clients.claim()));
});

self.addEventListener("message", (event) => {
  if (event.data?.take) self.skipWaiting();
  else if (event.data?.speaks) event.waitUntil(speak(event.data.speaks));
  else if (event.data && "ask" in event.data) event.waitUntil(answer(event.source, event.data.ask));
});

// A page of this very version, alone, needs no question: for it nothing changes.
async function answer(page, pageVersion) {
  const pages = await self.clients.matchAll({ type: "window", includeUncontrolled: true });
  if (pageVersion !== version) page.postMessage({ newer: true });
  else if (pages.length === 1) await self.skipWaiting();
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.mode === "navigate") event.respondWith(fetch(request).catch(() => offlinePage()));
  else if (files.includes(url.pathname) || TEXTS.includes(url.pathname)) event.respondWith(fromShell(request, url.pathname));
});

async function fill() {
  const cache = await caches.open(CACHE);
  // "reload" goes past the browser's own cache; the offline page is fetched as nobody, so it holds nothing of anybody.
  const wanted = [...files.map((file) => new Request(file, { cache: "reload" })), new Request(offline, { credentials: "omit" })];
  await cache.addAll(wanted);
  await speak(await spoken());
}

// Without network the page says what is wrong in the language of the person, not in that of the browser.
async function speak(language) {
  if (!Object.hasOwn(languages, language)) return;
  const cache = await caches.open(CACHE);
  if ((await (await cache.match(SPOKEN))?.text()) === language) return;
  await cache.addAll(languages[language].map((file) => new Request(file, { cache: "reload", credentials: "omit" })));
  await cache.put(SPOKEN, new Response(language));
}

// As the version before this one was told, too: it may take over while no page is open.
async function spoken() {
  return (await caches.match(SPOKEN))?.text();
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
  const language = await spoken();
  const own = language && (await cache.match(languages[language]?.at(-1)));
  return own ?? (await cache.match(offline)) ?? Response.error();
}
