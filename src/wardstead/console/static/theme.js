// The theme: auto, light or dark. Runs before the page is drawn, so that nothing flashes.
"use strict";
(() => {
  const KEY = "wardstead-theme";
  const NAMES = ["auto", "light", "dark"];
  const root = document.documentElement;

  function stored() {
    try {
      const name = localStorage.getItem(KEY);
      return NAMES.includes(name) ? name : "auto";
    } catch {
      return "auto"; // storage is switched off: the system's theme it is
    }
  }

  function apply(name) {
    if (name === "auto") delete root.dataset.theme;
    else root.dataset.theme = name;
  }

  root.dataset.script = "on";
  apply(stored());
  document.addEventListener("DOMContentLoaded", () => {
    const button = document.getElementById("theme");
    if (!button) return;
    const show = () => { button.textContent = `Theme: ${stored()}`; };
    button.addEventListener("click", () => {
      const next = NAMES[(NAMES.indexOf(stored()) + 1) % NAMES.length];
      try { localStorage.setItem(KEY, next); } catch { /* the choice holds for this page only */ }
      apply(next);
      show();
    });
    show();
    button.hidden = false;
  });
})();
