// The cards of a person's sites: link state and counts of each, from the frames of the page "my sites".

import { said } from "./said.js";
import { drawWaiting } from "./banner.js";
import { say, sayCount } from "./strip.js";
import { t } from "./texts.js";
import { linkText } from "./words.js";

export class Cards {
  constructor() {
    this.sites = new Map();
  }

  // Answers whether the page shows the very sites that the frame is about.
  snapshot(sites) {
    this.sites.clear();
    this.update(sites);
    const shown = [...document.querySelectorAll("[data-site]")].map((card) => card.dataset.site);
    return shown.length === this.sites.size && shown.every((slug) => this.sites.has(slug));
  }

  update(sites) {
    for (const [slug, facts] of Object.entries(sites ?? {})) {
      this.sites.set(slug, { ...this.sites.get(slug), ...facts });
    }
  }

  draw(freshness) {
    const list = document.getElementById("site-list");
    if (!list) return;
    const doubt = freshness.phoneDoubt;
    for (const card of list.querySelectorAll("[data-site]")) {
      const facts = this.sites.get(card.dataset.site);
      if (!facts) {
        if (doubt) card.classList.add("is-stale");
        continue;
      }
      const [state, since, reason] = facts.link ?? ["", 0, ""];
      const words = linkText(state, since, card.dataset.zone, freshness.now);
      say(card.querySelector("[data-site-words]"), doubt && doubt !== "checking" ? t("Last known: {words}", { words }) : words);
      card.querySelector("[data-site-link]").dataset.state = doubt ? "" : state;
      const told = card.querySelector("[data-site-reason]");
      told.hidden = state === "live" || !reason;
      say(told, said(reason || ""));
      card.classList.toggle("is-stale", Boolean(doubt) || state !== "live");
      for (const place of card.querySelectorAll("[data-site-count]")) {
        const kind = place.dataset.siteCount;
        place.hidden = facts[kind] === undefined || (kind === "alarm" && facts[kind] === 0);
        sayCount(place, facts[kind] ?? "");
      }
      drawWaiting(card.querySelector("[data-waiting]"), facts.al);
    }
  }

  blank() {
    this.sites.clear();
    document.getElementById("site-list")?.replaceChildren();
  }
}
