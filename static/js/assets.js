// What is derived of an asset: alarm badge, movement, rate, times to the limits; and the counts of each area.

import { say } from "./strip.js";
import { ARROWS, DASH, durationText, numberText } from "./words.js";

const OUTER = new Set(["HH", "LL"]);

export class Assets {
  constructor() {
    this.states = new Map();
    this.drawnBadges = new WeakMap();
  }

  snapshot(derived) {
    this.states.clear();
    this.update(derived);
  }

  update(derived) {
    for (const [asset, state] of Object.entries(derived ?? {})) this.states.set(asset, state);
  }

  // The assets whose main value is one of these tags: a badge says whether that value can be relied on.
  standingOn(tags) {
    const shown = [...document.querySelectorAll("[data-asset]")];
    return shown.filter((asset) => tags.has(asset.dataset.main)).map((asset) => asset.dataset.asset);
  }

  // `only`: the ids of the assets that changed; all of them when it is left out.
  draw(board, only = null) {
    for (const asset of document.querySelectorAll("[data-asset]")) {
      const id = asset.dataset.asset;
      const state = this.states.get(id);
      if (!state || (only && !only.has(id))) continue;
      this.drawBadges(asset, state, board);
      this.drawState(id, state, board);
    }
    this.drawCounts(board);
  }

  drawBadges(asset, state, board) {
    const letters = state.alarm || "";
    const { asset: id, main } = asset.dataset;
    // An alarm of a level that is stale may have gone since; one on a bad level is shown as doubtful, not as cleared.
    // Without an alarm the state is not known only when there is no level at all.
    const doubtful = letters ? Boolean(state.doubtful) || board.isStale(main) : Boolean(state.doubtful) && board.isBad(main);
    const key = letters + (doubtful ? "?" : "");
    for (const place of document.querySelectorAll(`[data-badge-of="${CSS.escape(id)}"]`)) {
      const before = this.drawnBadges.get(place);
      if (before === key) continue;
      this.drawnBadges.set(place, key);
      const template = document.querySelector(`template[data-badge="${CSS.escape(key)}"]`);
      place.replaceChildren(...(template ? [template.content.cloneNode(true)] : []));
      if (before !== undefined && OUTER.has(letters) && !before.startsWith(letters)) {
        say(document.getElementById("announce"), `${asset.dataset.name}: ${place.textContent.trim()}`);
      }
    }
  }

  drawState(asset, state, board) {
    const all = (name) => document.querySelectorAll(`[${name}="${CSS.escape(asset)}"]`);
    const arrow = ARROWS[state.move] ?? "";
    const number = rateText(state.rate);
    for (const place of all("data-move")) {
      const [sign, word] = place.children;
      say(sign, arrow);
      say(word, state.move === "unknown" ? "" : state.move);
      if (place.hasAttribute("data-brief")) word.classList.toggle("unseen", arrow !== "");
    }
    for (const place of all("data-rate")) say(place, number && `${number} ${state.rate_unit}`);
    for (const place of all("data-rate-number")) say(place, number || DASH);
    for (const place of all("data-rate-unit")) say(place, number ? state.rate_unit : "");
    for (const place of all("data-rate-basis")) say(place, state.rate_basis === "flow" ? "from flow" : "");
    for (const place of all("data-to")) {
      // A forecast from a level that is not known to be so now is none.
      const stale = board.isStale(place.closest("[data-asset]").dataset.main);
      const minutes = stale ? undefined : state.to?.[place.dataset.limit];
      say(place, minutes === undefined ? DASH : durationText(minutes));
    }
  }

  drawCounts(board) {
    const main = new Map();
    for (const asset of document.querySelectorAll("[data-asset]")) main.set(asset.dataset.asset, asset.dataset.main);
    count("data-count-alarms", (id) => Boolean(this.states.get(id)?.alarm), this.states.size > 0);
    count("data-count-stale", (id) => main.has(id) && board.isStale(main.get(id)), true);
  }

  blank() {
    this.states.clear();
    for (const place of document.querySelectorAll("[data-badge-of],[data-move] > *,[data-rate],[data-to]")) {
      place.replaceChildren();
    }
    for (const place of document.querySelectorAll("[data-rate-number]")) say(place, DASH);
    for (const place of document.querySelectorAll("[data-count-alarms],[data-count-stale]")) place.hidden = true;
  }
}

function rateText(rate) {
  if (typeof rate !== "number") return "";
  const text = numberText(rate, 1);
  return Number(text) > 0 ? `+${text}` : text;
}

function count(attribute, holds, known) {
  if (!known) return;
  for (const place of document.querySelectorAll(`[${attribute}]`)) {
    const number = place.getAttribute(attribute).split(" ").filter(holds).length;
    place.hidden = number === 0;
    say(place.querySelector("strong"), String(number));
  }
}
