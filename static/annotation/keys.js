// Single keys press the button that carries them in data-keys; an open dialog has keys of its own.

const TEXT = "input:not([type=radio], [type=checkbox], [type=button], [type=submit]), textarea, select, [contenteditable]";

export function listen() {
  document.addEventListener("keydown", (event) => {
    const { target } = event;
    if (event.repeat) {
      // A key held down on a focused button would press it again and again.
      if ((event.key === "Enter" || event.key === " ") && target.closest?.("button")) event.preventDefault();
      return;
    }
    if (event.defaultPrevented || event.isComposing || event.keyCode === 229) return;
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (target.closest?.(TEXT) || target.closest?.("[popover]")) return;
    const key = nameOf(event);
    if (document.documentElement.dataset.keys === "off" && key !== "?") return;
    const button = buttonFor(key);
    if (!button) return;
    event.preventDefault();
    button.click();
  });
}

function nameOf(event) {
  const { key, code, shiftKey } = event;
  if (key.length > 1 || /^[!-@[-`{-~]$/.test(key)) return key;
  if (shiftKey) return "";
  if (/^[a-z]$/i.test(key)) return key.toLowerCase(); // caps lock
  return /^Key[A-Z]$/.test(code) ? code.slice(3).toLowerCase() : ""; // a layout without Latin letters
}

function buttonFor(key) {
  const dialog = document.querySelector("dialog:modal");
  for (const button of (dialog ?? document).querySelectorAll("[data-keys]")) {
    if (button.dataset.keys.split(" ").includes(key) && isUsable(button)) return button;
  }
  return null;
}

// What is covered by something else is inert: nobody sees what the key would answer.
function isUsable(button) {
  return !button.disabled && button.checkVisibility() && !button.closest("[inert]");
}
