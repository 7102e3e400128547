// Notices over the page. A request of htmx that failed is always told: a tap must never end in silence.

const box = () => document.getElementById("notices");

// One notice of a kind at a time; `link` is {href, label} for the way out.
export function notice(kind, text, link = null) {
  clearNotice(kind);
  const place = box();
  if (!place) return;
  const line = document.createElement("div");
  line.className = "notice";
  line.dataset.kind = kind;
  const words = document.createElement("p");
  words.textContent = text;
  line.append(words);
  if (link) {
    const way = document.createElement("a");
    way.className = "button";
    way.href = link.href;
    way.textContent = link.label;
    line.append(way);
  }
  const close = document.createElement("button");
  close.className = "button";
  close.type = "button";
  close.textContent = "Close";
  close.addEventListener("click", () => line.remove());
  line.append(close);
  place.append(line);
}

export function clearNotice(kind) {
  for (const line of box()?.querySelectorAll(`[data-kind="${CSS.escape(kind)}"]`) ?? []) line.remove();
}

export function watchRequests() {
  const failed = (text) => notice("request", text, { href: location.href, label: "Reload" });
  document.addEventListener("htmx:sendError", () => failed("That did not reach the server: there is no connection."));
  document.addEventListener("htmx:timeout", () => failed("The server did not answer in time. Nothing was changed here."));
  document.addEventListener("htmx:swapError", () => failed("The answer could not be shown."));
  document.addEventListener("htmx:targetError", () => failed("The answer could not be shown."));
  document.addEventListener("htmx:responseError", (event) => failed(refusal(event.detail.xhr.status)));
  document.addEventListener("htmx:beforeRequest", () => clearNotice("request"));
  // Signed out meanwhile: the answer is the sign-in page, which must not land inside this one.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const answered = new URL(event.detail.xhr.responseURL || location.href, location.href);
    if (answered.pathname.startsWith("/sign-in/")) {
      event.detail.shouldSwap = false;
      notice("request", "You are signed out.", { href: location.href, label: "Sign in" });
    }
  });
}

function refusal(status) {
  if (status === 404) return "This is no longer open to you.";
  if (status === 403) return "That is not allowed, or the page is too old.";
  if (status === 429) return "Too many requests. Wait a moment.";
  return `The server refused (${status}). Nothing was changed here.`;
}
