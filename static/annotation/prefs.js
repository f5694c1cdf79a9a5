// Reading settings, kept on this device; theme.js puts them onto <html> before the first paint.

const KEY = "prefapp:prefs";
const DEFAULTS = { theme: "auto", size: "m", measure: "normal", keys: "on", linked: "off" };
const root = document.documentElement;

export function wire() {
  const controls = [...document.querySelectorAll("[data-pref]")];
  reflect(controls);
  for (const control of controls) {
    control.addEventListener("change", () => {
      const value = control.type === "checkbox" ? (control.checked ? "on" : "off") : control.value;
      root.dataset[control.dataset.pref] = value;
      keep(control.dataset.pref, value);
      reflect(controls);
    });
  }
  document.addEventListener("prefapp:theme", () => reflect(controls));
}

function reflect(controls) {
  for (const control of controls) {
    const name = control.dataset.pref;
    const value = root.dataset[name] ?? DEFAULTS[name];
    control.checked = control.type === "checkbox" ? value === "on" : value === control.value;
  }
}

export function keep(name, value) {
  try {
    const stored = JSON.parse(localStorage.getItem(KEY)) ?? {};
    localStorage.setItem(KEY, JSON.stringify({ ...stored, [name]: value }));
  } catch {
    // It holds for this page only.
  }
}
