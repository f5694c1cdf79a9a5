// How long a comparison was on the screen, and how much of that time somebody was there.

const AWAY_AFTER_MS = 60_000;
const SIGNS = ["keydown", "pointerdown", "pointermove", "wheel", "touchmove"];

let shownAt = 0;
let active = 0;
let countedUpTo = 0;
let lastSign = 0;

export function start() {
  shownAt = countedUpTo = lastSign = performance.now();
  active = 0;
}

// Milliseconds since start(); whole and at least 1.
export function read() {
  count();
  const duration = Math.max(1, Math.round(performance.now() - shownAt));
  return { duration_ms: duration, active_ms: Math.min(duration, Math.max(1, Math.round(active))) };
}

function count() {
  const now = performance.now();
  const until = Math.min(now, lastSign + AWAY_AFTER_MS);
  if (!document.hidden) active += Math.max(0, until - countedUpTo);
  countedUpTo = now;
}

for (const sign of SIGNS) {
  addEventListener(
    sign,
    () => {
      count();
      lastSign = performance.now();
    },
    { passive: true, capture: true },
  );
}
document.addEventListener("visibilitychange", () => {
  // What went by while the page was hidden does not count; count() still sees the state before.
  const now = performance.now();
  if (document.hidden) active += Math.max(0, Math.min(now, lastSign + AWAY_AFTER_MS) - countedUpTo);
  else lastSign = now;
  countedUpTo = now;
});
