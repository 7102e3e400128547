// The favourites on the start page: of each site its own board, judged by its own link, sources and clock. The frames
// are those of the page's one socket; live.js hands them on.

import { Board } from "./paint.js";

const parts = new Map(); // by the site's short word

class Part {
  constructor(slug, row) {
    this.slug = slug;
    this.board = new Board(row.dataset.partZone, slug);
    this.states = new Map();
    this.link = null;
    this.sources = null;
    this.offset = Number(row.dataset.partNow) - Number(document.body.dataset.now); // ms the site's clock is ahead
    this.empty = row.hasAttribute("data-part-empty");
  }

  // What this phone and its connection are like is the same for the whole page; link, sources and clock are the site's.
  freshnessIn(page) {
    const own = Object.create(page);
    own.link = this.link;
    own.sources = this.sources;
    Object.defineProperty(own, "now", { get: () => page.now + this.offset });
    return own;
  }

  take(kind, told, pageTime) {
    if (told.t !== undefined) this.offset = told.t - pageTime;
    if (told.link) this.link = told.link;
    if (told.src) this.sources = told.src;
    if (kind === "s") {
      this.states.clear();
      this.board.snapshot({ ...told, k: kind });
    } else if (told.d) this.board.update({ ...told, k: kind });
    for (const [asset, state] of Object.entries(told.x ?? {})) this.states.set(asset, state);
  }

  draw(page) {
    this.board.draw(this.freshnessIn(page));
    for (const row of rowsOf(this.slug)) if (row.dataset.favAsset) this.drawBadge(row);
  }

  // As on the overview: an alarm of a level that is stale may have gone since.
  drawBadge(row) {
    const state = this.states.get(row.dataset.favAsset);
    if (!state) return;
    const { favMain: main } = row.dataset;
    const doubtful = state.alarm ? state.doubtful || this.board.isStale(main) : state.doubtful && this.board.isBad(main);
    const key = (state.alarm || "") + (doubtful ? "?" : "");
    const place = row.querySelector("[data-fav-badge]");
    if (place.dataset.drawn === key) return;
    place.dataset.drawn = key;
    const template = document.querySelector(`template[data-badge="${CSS.escape(key)}"]`);
    place.replaceChildren(...(template ? [template.content.cloneNode(true)] : []));
  }
}

function rowsOf(slug) {
  return document.querySelectorAll(`[data-part="${CSS.escape(slug)}"]`);
}

function take(frame) {
  if (frame.k === "s" && frame.sites) {
    for (const slug of parts.keys()) if (!(slug in frame.sites)) remove(slug);
    for (const row of document.querySelectorAll("[data-of-site]")) if (!(row.dataset.ofSite in frame.sites)) row.remove();
  }
  for (const part of parts.values()) {
    const told = frame.fav?.[part.slug];
    if (part.empty && Object.keys(told?.h ?? {}).length) location.reload(); // now the site's names are known
    // A snapshot that says nothing of a site leaves nothing of it for the present.
    else if (told || frame.k === "s") part.take(frame.k, told ?? {}, frame.t);
  }
}

// The site is not open to this person any more: nothing of it stays on the screen.
function remove(slug) {
  for (const row of rowsOf(slug)) row.remove();
  parts.delete(slug);
}

for (const row of document.querySelectorAll("[data-part]")) {
  if (!parts.has(row.dataset.part)) parts.set(row.dataset.part, new Part(row.dataset.part, row));
}

document.addEventListener("live", ({ detail: { frame, freshness } }) => {
  if (freshness.ended) {
    for (const slug of [...parts.keys()]) remove(slug);
    for (const row of document.querySelectorAll("[data-of-site]")) row.remove();
    return;
  }
  if (frame) take(frame);
  for (const part of parts.values()) part.draw(freshness);
});
