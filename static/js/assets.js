// What is derived of an asset: alarm badge, movement, rate, times to the limits; and the counts of the list.

import { say, sayCount } from "./strip.js";
import { nt, t } from "./texts.js";
import { ARROWS, DASH, durationText, formatOf, inUnit, plainNumber, shownNumber } from "./words.js";

const OUTER = new Set(["HH", "LL"]);
const LIMITS = ["hh", "ll", "h", "l", "empty"]; // of two that are equally far the first is told
const PLACES = [
  "data-badge-of", "data-move", "data-rate", "data-rate-number", "data-rate-unit", "data-rate-basis", "data-to",
  "data-next", "data-stuck",
];
const NOWHERE = [];

export class Assets {
  constructor() {
    this.states = new Map();
    this.index();
  }

  // Look for the elements again: after the page was drawn, and after htmx put another list into it.
  index() {
    this.drawnBadges = new WeakMap();
    this.elements = new Map([...document.querySelectorAll("[data-asset]")].map((one) => [one.dataset.asset, one]));
    this.byMain = new Map([...this.elements].map(([id, element]) => [element.dataset.main, id]));
    this.heads = [...document.querySelectorAll("[data-ids]")].map((head) => ({
      ids: head.dataset.ids.split(" "),
      counts: [...head.querySelectorAll("[data-count]")],
    }));
    this.totals = [...document.querySelectorAll("[data-total]")];
    this.joined = document.querySelector("[data-joined]");
    this.places = new Map();
    for (const name of PLACES) {
      for (const place of document.querySelectorAll(`[${name}]`)) {
        const key = `${name} ${place.getAttribute(name)}`;
        if (this.places.has(key)) this.places.get(key).push(place);
        else this.places.set(key, [place]);
      }
    }
  }

  all(name, asset) {
    return this.places.get(`${name} ${asset}`) ?? NOWHERE;
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
    return [...tags].map((tag) => this.byMain.get(tag)).filter((id) => id !== undefined);
  }

  // `only`: the ids of the assets that changed; all of them when it is left out.
  draw(board, only = null) {
    for (const id of only ?? this.elements.keys()) {
      const asset = this.elements.get(id);
      const state = this.states.get(id);
      if (!state || !asset) continue;
      this.drawBadges(asset, state, board);
      this.drawState(asset, state, board);
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
    for (const place of this.all("data-badge-of", id)) {
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
    const { asset: id, main } = asset.dataset;
    const arrow = ARROWS[state.move] ?? "";
    const { rateIn: rateUnit = state.rate_unit } = asset.dataset;
    const number = rateText(state.rate, asset.dataset);
    for (const place of this.all("data-move", id)) {
      const [sign, word] = place.children;
      say(sign, arrow);
      say(word, moveWords(state.move));
      if (place.hasAttribute("data-brief")) word.classList.toggle("unseen", arrow !== "");
    }
    for (const place of this.all("data-rate", id)) say(place, number && `${number} ${rateUnit}`);
    for (const place of this.all("data-rate-number", id)) say(place, number || DASH);
    for (const place of this.all("data-rate-unit", id)) say(place, number ? rateUnit : "");
    for (const place of this.all("data-rate-basis", id)) say(place, state.rate_basis === "flow" ? t("from flow") : "");
    for (const place of this.all("data-stuck", id)) place.hidden = !state.stuck;
    // A forecast from a level that is not known to be so now is none.
    const to = board.isStale(main) ? {} : (state.to ?? {});
    for (const place of this.all("data-to", id)) {
      const minutes = to[place.dataset.limit];
      say(place, minutes === undefined ? DASH : durationText(minutes));
    }
    for (const place of this.all("data-next", id)) say(place, nextText(to));
  }

  drawCounts(board) {
    if (this.states.size === 0) return;
    const matching = { alarm: new Set(), stale: new Set(), moving: new Set() };
    for (const [id, state] of this.states) {
      if (state.alarm) matching.alarm.add(id);
      if (ARROWS[state.move]) matching.moving.add(id);
    }
    for (const [id, element] of this.elements) if (board.isStale(element.dataset.main)) matching.stale.add(id);
    for (const { ids, counts } of this.heads) {
      for (const place of counts) {
        const number = ids.filter((id) => matching[place.dataset.count].has(id)).length;
        place.hidden = number === 0;
        sayCount(place, number);
      }
    }
    // Of what a filter leaves out, only the alarms and movements are known: stale is counted where all rows stand.
    const { joined } = this;
    for (const place of this.totals) {
      const which = place.dataset.total;
      if (which !== "stale" || !joined) say(place, String(matching[which].size));
    }
    if (joined) {
      const more = [...matching[joined.dataset.joined]].filter((id) => !this.elements.has(id)).length;
      joined.hidden = more === 0;
      say(joined.querySelector("[data-joined-words]"), nt("{count} more since then.", "{count} more since then.", more));
    }
  }

  blank() {
    this.states.clear();
    for (const place of document.querySelectorAll("[data-badge-of],[data-move] > *,[data-rate],[data-to],[data-next]")) {
      place.replaceChildren();
    }
    for (const place of document.querySelectorAll("[data-rate-number]")) say(place, DASH);
    for (const place of document.querySelectorAll("[data-count],[data-total],[data-joined],[data-stuck]")) place.hidden = true;
  }
}

function moveWords(move) {
  if (move === "receiving") return t("receiving");
  if (move === "discharging") return t("discharging");
  return move === "still" ? t("still") : "";
}

// The soonest of the limits ahead; hmi/screens/presenters/forecasts.py says the same.
function nextText(to) {
  const ahead = LIMITS.filter((key) => to[key] !== undefined);
  if (!ahead.length) return "";
  const soonest = ahead.reduce((one, other) => (to[other] < to[one] ? other : one));
  const limit = soonest === "empty" ? t("empty") : soonest.toUpperCase();
  return t("{limit} in {time}", { limit, time: durationText(to[soonest]) });
}

// An asset whose rate is read in another unit than the site's says so: data-rate-in, data-rate-dec, data-rate-factor.
function rateText(rate, { rateDec = "1", rateFactor, rateOffset }) {
  if (typeof rate !== "number") return "";
  const format = formatOf({ dec: rateDec, factor: rateFactor, offset: rateOffset });
  const text = shownNumber(rate, format);
  return Number(plainNumber(inUnit(rate, format), format.decimals)) > 0 ? `+${text}` : text;
}
