// Leases live while somebody looks: prolonged as long as the page is visible, given back when it is left.

import { csrfToken, place, post } from "./server.js";

const SHORTEST_MS = 250;

export function keepAlive(stage, { renew, release, page, leaseSeconds }) {
  const beat = async () => {
    if (document.hidden || !stage.leases.length) return;
    // An answer comes only when a lease was lost.
    const { outcome, text } = await post(renew, { lease: stage.leases });
    if (outcome === "done") place(text);
  };
  setInterval(beat, Math.max(SHORTEST_MS, (leaseSeconds * 1000) / 3));
  document.addEventListener("visibilitychange", beat);
  addEventListener("pagehide", () => {
    const unused = stage.waitingLeases;
    if (!unused.length) return;
    const form = new FormData();
    form.append("csrfmiddlewaretoken", csrfToken());
    form.append("page", page);
    for (const lease of unused) form.append("lease", lease);
    navigator.sendBeacon(release, form);
  });
  // A page that comes back out of the browser's memory has given its leases away.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
