// The site's list beside an opened tank, on screens that are wide enough. Each of its rows leads to a page of its own.

const SCROLLED = "beside"; // where the list stood in this tab, so that it does not jump at every tank

// `pane`: the empty place, with the list's address and the id of the asset that is open.
export async function fill(pane) {
  const { list: address, here } = pane.dataset;
  let text = "";
  try {
    const answer = await fetch(address, { headers: { "HX-Request": "true" }, cache: "no-store" });
    if (!answer.ok || answer.redirected) return; // not open, or signed out: the page itself says so
    text = await answer.text();
  } catch {
    return; // no connection: the strip says so
  }
  // Drawn by our own template on the server, which escapes what the plant wrote; a parsed document runs nothing.
  const list = new DOMParser().parseFromString(text, "text/html").getElementById("list");
  if (!list) return;
  list.id = "beside-list";
  for (const link of list.querySelectorAll("a")) {
    for (const { name } of [...link.attributes]) if (name.startsWith("hx-")) link.removeAttribute(name);
    const href = link.getAttribute("href");
    if (href?.startsWith("?")) link.href = address + href;
  }
  list.querySelector(`[data-asset="${CSS.escape(here)}"] .row-link`)?.setAttribute("aria-current", "page");
  pane.replaceChildren(document.adoptNode(list));
  pane.hidden = false;
  remember(pane);
  document.dispatchEvent(new Event("htmx:afterSettle")); // live.js looks for its elements again
}

function remember(pane) {
  try {
    pane.scrollTop = Number(sessionStorage.getItem(SCROLLED));
    pane.addEventListener("scrollend", () => sessionStorage.setItem(SCROLLED, String(pane.scrollTop)));
  } catch {
    // Storage may be forbidden; then the list begins at its top.
  }
}
