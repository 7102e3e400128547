// The few pages that a phone keeps for reading without network: sealed, bounded, of one sign-in only, and forgotten
// with it. Why it is built this way: docs/offline.md.

export const MOST_PAGES = 30;
export const MOST_BYTES = 2 * 1024 * 1024; // of everything that is kept, sealed
const LARGEST = 1024 * 1024; // characters of one page
const CLOCK_SET_BACK = 60_000; // ms by which a page may seem to come from the future
const BASE = "sightline-kept";
const STORE = "kept";
const KEY = "key"; // the id of the one row that holds no page

// Forget everything, keys included. Rows first: another open tab may hold up the deleting of the whole.
export async function forget() {
  if (!globalThis.indexedDB) return;
  await within("readwrite", (store) => store.clear()).catch(() => {});
  await new Promise((done) => {
    const deleting = indexedDB.deleteDatabase(BASE);
    deleting.onsuccess = deleting.onerror = deleting.onblocked = done;
  });
}

// Make ready for the sign-in that `label` names; whatever another one left is gone after this.
export async function begin(label) {
  if ((await keyRow())?.label === label) return;
  const cipher = await crypto.subtle.generateKey({ name: "AES-GCM", length: 256 }, false, ["encrypt", "decrypt"]);
  const names = await crypto.subtle.generateKey({ name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  await within("readwrite", async (store) => {
    const row = await result(store.get(KEY));
    if (row?.label === label) return;
    store.clear();
    store.put({ id: KEY, label, cipher, names });
  });
}

// Keep `page` ({address, title, html, ...}) as of `at` until `until` (epoch ms of this phone). Answers whether it is kept:
// not once the sign-in `label` has been forgotten meanwhile, in another tab for instance.
export async function keep(label, page, at, until) {
  if (page.html.length > LARGEST) return false;
  const key = await keyRow();
  if (key?.label !== label) return false;
  const name = await crypto.subtle.sign("HMAC", key.names, bytes(page.address));
  const row = { id: hex(name), at, until, iv: crypto.getRandomValues(new Uint8Array(12)) };
  const packed = await squeezed(bytes(JSON.stringify(page)), CompressionStream);
  row.sealed = await crypto.subtle.encrypt({ name: "AES-GCM", iv: row.iv, additionalData: bound(row) }, key.cipher, packed);
  return within("readwrite", async (store) => {
    const now = await result(store.get(KEY));
    if (now?.label !== label) return false;
    store.put(row);
    let room = MOST_BYTES;
    const pages = (await result(store.getAll())).filter(({ id }) => id !== KEY).sort((a, b) => b.at - a.at);
    for (const [place, { id, sealed }] of pages.entries()) {
      room -= sealed.byteLength;
      if (place >= MOST_PAGES || room < 0) store.delete(id);
    }
    return true;
  });
}

// What may be read now, newest first: [{address, title, html, ..., at, until}]. What is over goes, the keys with the last.
export async function read(now = Date.now()) {
  const rows = await within("readonly", (store) => result(store.getAll())).catch(() => []);
  const key = rows.find(({ id }) => id === KEY);
  const pages = rows.filter(({ id, at, until }) => id !== KEY && until > now && at <= now + CLOCK_SET_BACK);
  if (!key || !pages.length) {
    const onlyKey = key && rows.length === 1; // a page that was just opened, in another tab perhaps, is about to keep
    if (rows.length && !onlyKey) await forget();
    return [];
  }
  const over = rows.filter((row) => row !== key && !pages.includes(row));
  if (over.length) await within("readwrite", (store) => over.forEach(({ id }) => store.delete(id)));
  const opened = pages.sort((a, b) => b.at - a.at).map(async (row) => {
    const packed = await crypto.subtle.decrypt({ name: "AES-GCM", iv: row.iv, additionalData: bound(row) }, key.cipher, row.sealed);
    const page = JSON.parse(new TextDecoder().decode(await squeezed(packed, DecompressionStream)));
    return { ...page, at: row.at, until: row.until };
  });
  return Promise.all(opened);
}

// --- inside -------------------------------------------------------------------------------------------------------

function keyRow() {
  return within("readonly", (store) => result(store.get(KEY))).catch(() => undefined);
}

// Do `act` with the store in one transaction; answers what it answered, once that is written.
async function within(mode, act) {
  const base = await new Promise((done, failed) => {
    const opening = indexedDB.open(BASE, 1);
    opening.onupgradeneeded = () => {
      if (mode === "readonly") opening.transaction.abort(); // there is nothing: looking must not make it
      else opening.result.createObjectStore(STORE, { keyPath: "id" });
    };
    opening.onsuccess = () => done(opening.result);
    opening.onerror = opening.onblocked = () => failed(opening.error ?? new Error("blocked"));
  });
  base.onversionchange = () => base.close();
  try {
    const transaction = base.transaction(STORE, mode, { durability: "relaxed" });
    const written = new Promise((done, failed) => {
      transaction.oncomplete = done;
      transaction.onabort = transaction.onerror = () => failed(transaction.error);
    });
    const [answer] = await Promise.all([act(transaction.objectStore(STORE)), written]);
    return answer;
  } finally {
    base.close();
  }
}

function result(request) {
  return new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
}

// What stands open beside a sealed page is bound to it: a page cannot be given another time or another end.
function bound({ id, at, until }) {
  return bytes(`${id} ${at} ${until}`);
}

async function squeezed(data, Way) {
  return new Response(new Blob([data]).stream().pipeThrough(new Way("gzip"))).arrayBuffer();
}

function bytes(text) {
  return new TextEncoder().encode(text);
}

function hex(buffer) {
  return [...new Uint8Array(buffer)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
