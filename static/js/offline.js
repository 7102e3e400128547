// The offline page: keeps the chosen look, and goes back by itself when the phone has a network again.

import { applyTheme, rememberedTheme } from "./theme.js";

const theme = rememberedTheme();
if (["light", "night", "sun"].includes(theme)) applyTheme(theme);

const state = document.getElementById("offline-state");
const tell = () => {
  state.textContent = navigator.onLine ? "The phone has a network." : "The phone has no network.";
};
tell();
window.addEventListener("offline", tell);
window.addEventListener("online", () => location.reload());
