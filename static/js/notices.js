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
  const listen = (name, text) => document.addEventListener(name, (event) => failed(event.detail.elt, text(event.detail)));
  listen("htmx:sendError", () => t("That did not reach the server: there is no connection."));
  listen("htmx:timeout", () => t("The server did not answer in time. Nothing was changed here."));
  listen("htmx:swapError", () => t("The answer could not be shown."));
  listen("htmx:targetError", () => t("The answer could not be shown."));
  listen("htmx:responseError", ({ xhr }) => refusal(xhr.status));
  document.addEventListener("htmx:beforeRequest", ({ detail }) => asksByItself(detail.elt) || clearNotice("request"));
  // Signed out meanwhile: the answer is the sign-in page, which must not land inside this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
    if (answered.pathname.startsWith("/sign-in/")) {
      event.detail.shouldSwap = false;
      document.dispatchEvent(new Event("signed-out"));
      notice("request", t("You are signed out."), { href: location.href, label: t("Sign in") });
    } else if (event.detail.shouldSwap && !isOurs(event.detail)) {
      event.detail.shouldSwap = false;
      failed(event.detail.requestConfig?.elt, t("The answer could not be shown."));
    }
  });
}

function failed(asked, text) {
  if (asksByItself(asked)) missed(asked);
  else notice("request", text, { href: location.href, label: t("Reload") });
}

// data-by-itself: a part that asks without a tap; its value is an id that each answer holds.
function asksByItself(element) {
  return Boolean(element?.hasAttribute?.("data-by-itself"));
}

// What somebody between here and the server answers (a portal, a proxy) is a page of its own, or not even HTML.
function isOurs({ xhr, target, serverResponse: text }) {
  if (xhr.status === 204) return true;
  if (!(xhr.getResponseHeader("Content-Type") ?? "").startsWith("text/html")) return false;
  if (/^\s*<(!doctype|html)/i.test(text) && !text.includes('<main id="content"')) return false;
  return !asksByItself(target) || text.includes(`id="${target.dataset.byItself}"`);
}

// It stays as it is and says so; the next answer takes its place.
function missed(part) {
  part.classList.add("is-stale");
  if (part.querySelector("[data-missed]")) return;
  const line = document.createElement("p");
  line.className = "notice";
  line.dataset.missed = "";
  line.setAttribute("role", "status");
  line.textContent = t("This part could not be brought up to date: it shows what was known before.");
  part.prepend(line);
}

function refusal(status) {
  if (status === 404) return t("This is no longer open to you.");
  if (status === 403) return t("That is not allowed, or the page is too old.");
  if (status === 429) return t("Too many requests. Wait a moment.");
  return t("The server refused ({status}). Nothing was changed here.", { status });
}
