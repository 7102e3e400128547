// The alarm banner over all of a person's sites: the most important alarm that waits, at whichever of them. The frames are
// those of the page's one socket; live.js hands them on. hmi/screens/presenters/all_alarms.py works out the same.

import { BANDS, Banner, plain } from "./banner.js";
import { say } from "./strip.js";
import { nt } from "./texts.js";

const HOME = "/"; // a person's sites, each with what waits there
const box = document.querySelector("#alarm-banner[data-sites]");
const places = new Map(JSON.parse(box.dataset.sites).map(([slug, ...place]) => [slug, place]));
const link = box.querySelector("a");
const missing = document.getElementById("sites-missing");
const banner = new Banner(box);
const sites = new Map();

function take({ k, sites: told = {} }) {
  if (k === "s") sites.clear();
  for (const [slug, facts] of Object.entries(told)) if (facts.al) sites.set(slug, facts);
  let [facts, unheard, href] = [{ s: "unknown" }, 0, HOME];
  try {
    [facts, unheard, href] = together();
    banner.take(facts);
  } catch (error) {
    console.error(error); // what cannot be read is not known
    banner.take({ s: "unknown" });
  }
  link.href = href;
  missing.hidden = !unheard;
  if (unheard) say(missing, nt("{count} site not reached", "{count} sites not reached", unheard));
}

// What is known to wait now goes before what was last known.
function together() {
  const all = [...sites].map(([slug, { al, link: [phase] = [] }]) => {
    const [name, list] = places.get(slug) ?? [slug, HOME];
    const heard = al.s === "current" || al.s === "old";
    return { name, list, al, heard, fresh: phase === "live" && (al.s === "current" || al.s === "none") };
  });
  const several = all.length > 1;
  const heard = all.filter((site) => site.heard);
  const unheard = all.filter((site) => !site.fresh).length;
  if (!heard.length) return [{ s: unheard || !all.length ? "unknown" : "none" }, 0, several ? HOME : all[0]?.list ?? HOME];
  const waiting = heard.filter(({ al }) => al.top).sort((one, other) => other.fresh - one.fresh
    || BANDS.indexOf(one.al.top[2]) - BANDS.indexOf(other.al.top[2]) || (other.al.new ?? 0) - (one.al.new ?? 0));
  const [top] = waiting;
  const alike = waiting.filter(({ fresh }) => fresh === top.fresh);
  const facts = {
    s: unheard && !top?.fresh ? "old" : "current",
    fl: Number(alike.some(({ al }) => al.fl)),
    sites: Object.fromEntries(all.filter(({ fresh }) => fresh).map(({ list, al }) => [list, al])),
  };
  if (top) {
    const [id, name, band, active, source, , doubt] = top.al.top;
    const more = alike.reduce((sum, { al }) => sum + al.top[5] + 1, -1);
    facts.top = [id, several ? `${plain(top.name)}: ${plain(name)}` : name, band, active, source, more, doubt];
  }
  return [facts, several ? unheard : 0, top?.list ?? (several ? HOME : all[0].list)];
}

document.addEventListener("live", ({ detail: { frame, freshness } }) => {
  if (freshness.ended) banner.blank();
  else if (frame?.sites) take(frame);
});
document.addEventListener("live:drawn", ({ detail: { freshness } }) => banner.draw(freshness));
