// The look of the screen and the size of what is touched change at the touch; the server is told, so that the next page
// has them from the start. This phone remembers them too, for the offline page, which the server cannot draw.

const THEMES = ["light", "night", "sun"];

export function watchThemes() {
  const { theme, hands } = document.documentElement.dataset;
  remember("theme", theme);
  remember("hands", hands);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice], [data-hands-choice]");
    if (button?.dataset.themeChoice) applyTheme(button.dataset.themeChoice, button.dataset.bar);
    // After the form has gone with the value that the button had at the touch.
    else if (button) setTimeout(() => applyHands(document.documentElement.dataset.hands === "gloves" ? "bare" : "gloves"));
  });
}

export function applyTheme(theme, bar) {
  if (!THEMES.includes(theme)) return;
  document.documentElement.dataset.theme = theme;
  if (bar) document.querySelector('meta[name="theme-color"]')?.setAttribute("content", bar);
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
  remember("theme", theme);
}

export function applyHands(hands) {
  if (hands !== "gloves" && hands !== "bare") return;
  document.documentElement.dataset.hands = hands;
  for (const button of document.querySelectorAll("[data-hands-choice]")) {
    button.setAttribute("aria-pressed", String(hands === "gloves"));
    button.value = hands === "gloves" ? "bare" : "gloves";
  }
  remember("hands", hands);
}

export function remembered(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function remember(key, value) {
  try {
    if (value) localStorage.setItem(key, value);
  } catch {
    // Storage may be forbidden; then the offline page is light and for bare hands.
  }
}
