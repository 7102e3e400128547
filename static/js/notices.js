// Notices over the page. A request of htmx that failed is always told: a tap must never end in silence.

import { t } from "./texts.js";

const box = () => document.getElementById("notices");

// One notice of a kind at a time; `way` is {label, href} for the way out, or {label, act} for what a tap does.
export function notice(kind, text, way = null) {
  clearNotice(kind);
  const place = box();
  if (!place) return;
  const line = document.createElement("div");
  line.className = "notice";
  line.dataset.kind = kind;
  const words = document.createElement("p");
  words.textContent = text;
  line.append(words);
  if (way) {
    const out = document.createElement(way.href ? "a" : "button");
    out.className = "button";
    if (way.href) out.href = way.href;
    else {
      out.type = "button";
      out.addEventListener("click", way.act);
    }
    out.textContent = way.label;
    line.append(out);
  }
  const close = document.createElement("button");
  close.className = "button";
  close.type = "button";
  close.textContent = t("Close");
  close.addEventListener("click", () => line.remove());
  line.append(close);
  place.append(line);
}

export function clearNotice(kind) {
  for (const line of box()?.querySelectorAll(`[data-kind="${CSS.escape(kind)}"]`) ?? []) line.remove();
}

export function watchRequests() {
  const failed = (text) => notice("request", text, { href: location.href, label: t("Reload") });
  document.addEventListener("htmx:sendError", () => failed(t("That did not reach the server: there is no connection.")));
  document.addEventListener("htmx:timeout", () => failed(t("The server did not answer in time. Nothing was changed here.")));
  document.addEventListener("htmx:swapError", () => failed(t("The answer could not be shown.")));
  document.addEventListener("htmx:targetError", () => failed(t("The answer could not be shown.")));
  document.addEventListener("htmx:responseError", (event) => failed(refusal(event.detail.xhr.status)));
  document.addEventListener("htmx:beforeRequest", () => clearNotice("request"));
  // Signed out meanwhile: the answer is the sign-in page, which must not land inside this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
    if (answered.pathname.startsWith("/sign-in/")) {
      event.detail.shouldSwap = false;
      document.dispatchEvent(new Event("signed-out"));
      notice("request", t("You are signed out."), { href: location.href, label: t("Sign in") });
    }
  });
}

function refusal(status) {
  if (status === 404) return t("This is no longer open to you.");
  if (status === 403) return t("That is not allowed, or the page is too old.");
  if (status === 429) return t("Too many requests. Wait a moment.");
  return t("The server refused ({status}). Nothing was changed here.", { status });
}
