// Leases live while somebody looks: prolonged as long as the page is visible, given back when it is left.

import { csrfToken, place, post } from "./server.js";

const SHORTEST_MS = 250;

// The tabs of this browser that show the same page: what one has preloaded, another may have too.
class Tabs {
  #key = `prefapp:tabs:${location.pathname}`;
  #id = String(Math.random());
  #longest;

  constructor(longestMs) {
    this.#longest = longestMs; // a tab that is silent for longer is gone
  }

  #others() {
    try {
      const seen = Object.entries(JSON.parse(localStorage.getItem(this.#key)) ?? {});
      return Object.fromEntries(seen.filter(([id, at]) => id !== this.#id && Date.now() - at < this.#longest));
    } catch {
      return {};
    }
  }

  #store(tabs) {
    try {
      localStorage.setItem(this.#key, JSON.stringify(tabs));
    } catch {
      // Without storage each tab takes itself for the only one.
    }
  }

  stay() {
    this.#store({ ...this.#others(), [this.#id]: Date.now() });
  }

  // Returns whether others are left.
  leave() {
    const others = this.#others();
    this.#store(others);
    return Object.keys(others).length > 0;
  }
}

export function keepAlive(stage, { renew, release, page, leaseSeconds }) {
  const tabs = new Tabs(2 * leaseSeconds * 1000);
  tabs.stay();
  const beat = async () => {
    if (document.hidden || !stage.leases.length) return;
    // An answer comes only when a lease was lost.
    const { outcome, text } = await post(renew, { lease: stage.leases });
    if (outcome === "done") place(text);
  };
  setInterval(() => (tabs.stay(), beat()), Math.max(SHORTEST_MS, (leaseSeconds * 1000) / 3));
  document.addEventListener("visibilitychange", beat);
  addEventListener("pagehide", () => {
    const unused = stage.waitingLeases;
    if (tabs.leave() || !unused.length) return;
    const form = new FormData();
    form.append("csrfmiddlewaretoken", csrfToken());
    form.append("page", page);
    for (const lease of unused) form.append("lease", lease);
    navigator.sendBeacon(release, form);
  });
  // A page that comes back out of the browser's memory has given its leases away.
  addEventListener("pageshow", (event) => event.persisted && location.reload());
}
