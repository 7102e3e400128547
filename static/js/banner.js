// The alarm banner of a site's pages, and the counts of what waits on a site's card.

import { Bell } from "./bell.js";
import { say, sayCounted } from "./strip.js";

export const BANDS = ["crit", "high", "med", "low"];

export class Banner {
  // Over all sites the frames say it of each: all_sites.js puts them together and draws.
  constructor(box = document.querySelector("#alarm-banner:not([data-sites])")) {
    this.box = box;
    this.facts = null;
    this.bell = this.box ? new Bell(this.box.querySelector("[data-sound]"), this.box.querySelector("a").href) : null;
  }

  take(facts) {
    if (facts?.top && typeof facts.top[1] !== "string") throw new TypeError("an alarm without a name");
    if (facts) this.facts = facts;
  }

  draw(freshness) {
    if (!this.box) return;
    if (!this.facts) {
      if (freshness.phoneDoubt) this.drawnOnly();
      return;
    }
    const { s: state, top, fl: flood } = this.facts;
    const known = state === "current" || state === "old";
    const old = Boolean(freshness.phoneDoubt) || state === "old" || state === "unknown" || Boolean(freshness.link && freshness.link[0] !== "live");
    this.box.classList.toggle("is-stale", old);
    this.box.dataset.state = state;
    const find = (name) => this.box.querySelector(`[data-banner-${name}]`);
    find("old").hidden = !old || !known;
    for (const place of this.box.querySelectorAll("[data-banner-prio]")) place.hidden = !top || place.dataset.bannerPrio !== top[2];
    say(find("text"), this.text(state, top, known));
    const doubtful = Boolean(top && top[6]);
    this.box.classList.toggle("is-doubtful", doubtful);
    find("doubt").hidden = !doubtful;
    const more = top ? top[5] : 0;
    find("more").hidden = !more;
    say(find("more"), `+${more}`);
    find("flood").hidden = !flood;
    // A screen reader hears of the highest priority alone.
    say(document.getElementById("alarm-loud"), top && top[2] === "crit" && !old ? `${this.box.dataset.loud} ${plain(top[1])}` : "");
    this.bell.hear(known && !old ? this.facts : null);
  }

  // No frame ever came: what the server drew with the page is the last that was heard.
  drawnOnly() {
    this.box.classList.add("is-stale");
    this.box.querySelector("[data-banner-old]").hidden = this.box.dataset.state !== "current";
  }

  text(state, top, known) {
    const words = this.box.dataset;
    if (state === "none") return words.none;
    if (!known) return words.unknown;
    return top ? plain(top[1]) : words.quiet;
  }

  blank() {
    this.facts = null;
    this.box?.remove();
    this.box = null;
    this.bell?.stop();
  }
}

// The same characters that the server takes out (hmi/alarms/presenting.py): a name must not turn or hide its line.
const UNSEEN = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff9-\ufffb]/g;

export function plain(name) {
  return name.replace(UNSEEN, " ").split(/\s+/).filter(Boolean).join(" ");
}

// On a card: `facts` as in the banner; nothing is shown while nothing waits or nothing is known.
export function drawWaiting(place, facts) {
  if (!place || !facts) return;
  const counts = facts.u ?? [0, 0, 0, 0];
  place.hidden = !counts.some(Boolean);
  for (const [rank, band] of BANDS.entries()) {
    const one = place.querySelector(`[data-waiting-band="${band}"]`);
    one.hidden = counts[rank] === 0;
    say(one.querySelector("strong"), String(counts[rank]));
  }
  sayCounted(place, counts.reduce((sum, count) => sum + count, 0));
}
