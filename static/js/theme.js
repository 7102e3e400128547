// The look of the screen changes at the touch; the server is told so that the next page has it from the start.

const KEY = "theme"; // for the offline page only, which the server cannot draw

export function watchThemes() {
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme-choice]");
    if (button) applyTheme(button.dataset.themeChoice, button.dataset.bar);
  });
}

export function applyTheme(theme, bar) {
  document.documentElement.dataset.theme = theme;
  if (bar) document.querySelector('meta[name="theme-color"]')?.setAttribute("content", bar);
  for (const button of document.querySelectorAll("[data-theme-choice]")) {
    button.setAttribute("aria-pressed", String(button.dataset.themeChoice === theme));
  }
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // Storage may be forbidden; then the offline page is light.
  }
}

export function rememberedTheme() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}
