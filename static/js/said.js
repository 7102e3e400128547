// What the server says over a page's socket in English, because people of several languages hear the same words: why a
// site is not reached (hmi/sites/reasons.py), why a page ends (hmi/live/access_watch.py, list_watch.py, consumers.py).
// tests/hmi/screens/test_said.py holds this list and those together.

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
  ["it is switched off, or was never set up", t("it is switched off, or was never set up")],
  ["it was cut off, or was never set up", t("it was cut off, or was never set up")],
  ["its key to the relay may do too much; an administrator must make one that only sends", t("its key to the relay may do too much; an administrator must make one that only sends")],
  ["the way to the site was changed", t("the way to the site was changed")],
  ["the connection to the site was changed", t("the connection to the site was changed")],
  ["the site did not confirm that access ended", t("the site did not confirm that access ended")],
  ["nobody with access to live values watches", t("nobody with access to live values watches")],
  ["the site sends more history than can be read", t("the site sends more history than can be read")],
  ["not used for a minute", t("not used for a minute")],
  ["closed by this side", t("closed by this side")],
  ["the live connection was closed", t("the live connection was closed")],
  ["the web app is stopping", t("the web app is stopping")],
  ["a fault in the web app", t("a fault in the web app")],
  ["You were signed out.", t("You were signed out.")],
  ["You confirmed that it is you. The page connects again.", t("You confirmed that it is you. The page connects again.")],
  ["An administrator ended this access; open the page again.", t("An administrator ended this access; open the page again.")],
  ["This list is not open to you any more.", t("This list is not open to you any more.")],
  ["This list was changed. Reload the page to see it as it is now.", t("This list was changed. Reload the page to see it as it is now.")],
  ["Sightline cannot check at the moment who may see this page.", t("Sightline cannot check at the moment who may see this page.")],
  ["This page sent too much at once.", t("This page sent too much at once.")],
  ["The server did not understand this page. Reload it.", t("The server did not understand this page. Reload it.")],
  ["You have too many live pages open. Close one of them.", t("You have too many live pages open. Close one of them.")],
  ["Too many live pages are open at the moment. This one shows what it knew when it was loaded.", t("Too many live pages are open at the moment. This one shows what it knew when it was loaded.")],
  ["This page answered nothing for a while. It connects again by itself.", t("This page answered nothing for a while. It connects again by itself.")],
]);

// `words` in the page's language; what is in no list (a technician's detail, or said in the language already) stays.
export function said(words) {
  return SAID.get(words) ?? words;
}
