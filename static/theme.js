// Runs before the first paint: reading settings of this device onto <html>, so that nothing flashes.
(() => {
  const root = document.documentElement;
  root.classList.add("js");
  let prefs = {};
  try {
    prefs = JSON.parse(localStorage.getItem("prefapp:prefs")) ?? {};
  } catch {
    // No storage, or something else's: the defaults hold.
  }
  for (const name of ["theme", "size", "measure", "prompt", "keys", "linked"]) {
    if (typeof prefs[name] === "string") root.dataset[name] = prefs[name];
  }
  // Answers wait to be sent: the page looks at them before it shows a comparison.
  try {
    if (Object.keys(localStorage).some((key) => key.startsWith("prefapp:outbox:"))) root.dataset.unsent = "";
  } catch {
    // No storage, no answers in it.
  }

  document.addEventListener("click", (event) => {
    const toggle = event.target.closest?.("[data-theme-toggle]");
    if (!toggle) return;
    const order = ["auto", "light", "dark"];
    const theme = order[(order.indexOf(root.dataset.theme ?? "auto") + 1) % order.length];
    root.dataset.theme = theme;
    label(toggle);
    try {
      const stored = JSON.parse(localStorage.getItem("prefapp:prefs")) ?? {};
      localStorage.setItem("prefapp:prefs", JSON.stringify({ ...stored, theme }));
    } catch {
      // It holds for this page only.
    }
    document.dispatchEvent(new CustomEvent("prefapp:theme"));
  });
  document.addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("[data-theme-toggle]").forEach(label);
  });

  function label(toggle) {
    const names = { auto: "automatic", light: "light", dark: "dark" };
    toggle.setAttribute("aria-label", `Theme: ${names[root.dataset.theme ?? "auto"]}`);
  }
})();
