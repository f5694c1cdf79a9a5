// The two texts: tabs and swiping on a phone, scrolling together, folding the prompt, the mark of what was read.

import { keep } from "./prefs.js";

const root = document.documentElement;
const phone = matchMedia("(max-width: 719px)");
const wired = new WeakSet();
let observer = null;

export function attach(article) {
  const panes = [...article.querySelectorAll(".pane")];
  const tabs = [...article.querySelectorAll("[data-tab]")];
  const strip = article.querySelector(".panes");
  observer?.disconnect();
  // What was read and shown before is set out anew.
  for (const tab of tabs) tab.querySelector(".read").hidden = true;
  press(tabs, 0);
  observer = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      tabs[panes.findIndex((pane) => pane.contains(entry.target))].querySelector(".read").hidden = false;
    }
  });
  for (const pane of panes) observer.observe(pane.querySelector(".end"));
  article.querySelector("[data-fold]").setAttribute("aria-expanded", String(isOpen()));
  showLastTurn(article);
  if (wired.has(article)) return;
  wired.add(article);
  for (const pane of panes) pane.addEventListener("scroll", () => follow(pane, panes), { passive: true });
  strip.addEventListener("scroll", () => press(tabs, Math.round(strip.scrollLeft / strip.clientWidth)), { passive: true });
  tabs.forEach((tab, index) =>
    tab.addEventListener("click", () => strip.scrollTo({ left: index * strip.clientWidth, behavior: "instant" })),
  );
  article.querySelector("[data-fold]").addEventListener("click", ({ currentTarget }) => {
    root.dataset.prompt = isOpen() ? "folded" : "open";
    keep("prompt", root.dataset.prompt);
    currentTarget.setAttribute("aria-expanded", String(isOpen()));
  });
}

function isOpen() {
  return root.dataset.prompt ? root.dataset.prompt === "open" : !phone.matches;
}

function press(tabs, index) {
  tabs.forEach((tab, n) => tab.setAttribute("aria-pressed", String(n === index)));
}

function follow(pane, panes) {
  if (root.dataset.linked !== "on" || phone.matches) return;
  for (const other of panes) {
    if (other !== pane && Math.abs(other.scrollTop - pane.scrollTop) > 1) other.scrollTop = pane.scrollTop;
  }
}

// Of a conversation the last turn is what was answered; the earlier ones are a scroll away.
function showLastTurn(article) {
  const text = article.querySelector(".prompt-text");
  const turns = text.querySelectorAll(":scope > section.turn");
  if (turns.length > 1) text.scrollTop = turns[turns.length - 1].offsetTop - text.offsetTop;
}
