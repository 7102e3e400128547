// What the server says over a page's socket in English, because people of several languages hear the same words: why a
// site is not reached (hmi/sites/reasons.py), why a page ends (hmi/live/access_watch.py). tests/hmi/screens/test_said.py
// holds this list and those together.

import { t } from "./texts.js";

const SAID = new Map([
  ["whoever answered is not this site's agent", t("whoever answered is not this site's agent")],
  ["the site's agent is not connected", t("the site's agent is not connected")],
  ["the relay does not accept the web app's key for this site", t("the relay does not accept the web app's key for this site")],
  ["the site's agent takes no more sessions just now", t("the site's agent takes no more sessions just now")],
  ["the relay does not answer", t("the relay does not answer")],
  ["the connection to the site ended", t("the connection to the site ended")],
  ["the connection to the site failed", t("the connection to the site failed")],
  ["no answer", t("no answer")],
  ["its agent does not answer", t("its agent does not answer")],
  ["no session could be opened in time", t("no session could be opened in time")],
  ["it is switched off, or was never provisioned", t("it is switched off, or was never provisioned")],
  ["its agent is not pinned; it was cut off or never provisioned", t("its agent is not pinned; it was cut off or never provisioned")],
  ["its conduit uses a Manage rule; make one with Send alone", t("its conduit uses a Manage rule; make one with Send alone")],
  ["how the site is reached was changed", t("how the site is reached was changed")],
  ["the site's conduit was changed", t("the site's conduit was changed")],
  ["the site did not confirm that access ended", t("the site did not confirm that access ended")],
  ["nobody with access to live values watches", t("nobody with access to live values watches")],
  ["the agent's history does not end", t("the agent's history does not end")],
  ["not used for a minute", t("not used for a minute")],
  ["closed by this side", t("closed by this side")],
  ["the link ended it", t("the link ended it")],
  ["the web app is stopping", t("the web app is stopping")],
  ["a fault in the web app", t("a fault in the web app")],
  ["You were signed out.", t("You were signed out.")],
  ["You confirmed to be who you are; the page connects again.", t("You confirmed to be who you are; the page connects again.")],
  ["An administrator ended this access; open the page again.", t("An administrator ended this access; open the page again.")],
  ["Sightline cannot check at the moment who may see this page.", t("Sightline cannot check at the moment who may see this page.")],
]);

// `words` in the page's language; what is in no list (a technician's detail, or said in the language already) stays.
export function said(words) {
  return SAID.get(words) ?? words;
}
