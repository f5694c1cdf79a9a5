// Answers on their way: an ordered queue that outlives the page. An entry leaves it only when the server has taken it;
// sending it twice does no harm, because the server knows each by its feedback id.

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;

export class Outbox {
  #key;
  #handlers;
  #memory = null; // holds the entries when this browser keeps no storage
  #sending = null;
  #running = null;
  #timer = 0;
  #delay = FIRST_DELAY_MS;
  trouble = null; // "unreachable" or "signed-out" while the last attempt failed

  // Handlers: deliver(entry, fields) resolves to {outcome, text}; changed() follows each change of entries or trouble;
  // settled(entry, answer) follows when an entry was taken or rejected, and is in the queue no more.
  constructor(key, handlers) {
    this.#key = key;
    this.#handlers = handlers;
    addEventListener("online", () => this.drain());
    document.addEventListener("visibilitychange", () => document.hidden || this.drain());
    // What was given back cannot be answered any more, so the answers go first.
    document.addEventListener("submit", async (event) => {
      if (!event.target.matches("[data-return]") || !this.entries.length) return;
      event.preventDefault();
      await this.drain();
      if (!this.entries.length) event.target.submit();
    });
    addEventListener("beforeunload", (event) => {
      if (this.#memory?.length) event.preventDefault();
    });
  }

  get entries() {
    if (this.#memory) return this.#memory;
    try {
      return JSON.parse(localStorage.getItem(this.#key)) ?? [];
    } catch {
      return [];
    }
  }

  #store(entries) {
    try {
      if (entries.length) localStorage.setItem(this.#key, JSON.stringify(entries));
      else localStorage.removeItem(this.#key);
      this.#memory = null;
    } catch {
      this.#memory = entries;
    }
    this.#handlers.changed();
  }

  add(entry) {
    this.#store([...this.entries, { ...entry, at: Date.now() }]);
    this.drain();
  }

  // The judgments of a page that stand, in order: without those that an undo behind them takes back.
  standing(page) {
    return this.entries.filter((entry) => entry.kind === "judge" && entry.page === page && !this.isUndone(entry));
  }

  isUndone(entry) {
    const { entries } = this;
    const behind = entries.slice(entries.findIndex((other) => other.id === entry.id) + 1);
    return behind.some((later) => later.kind === "undo" && later.fields.last === entry.fields.lease);
  }

  // Takes the last judgment of a page out again; null when there is none or it is being sent. One that was tried may
  // have arrived: it stays, and it is for the server to take it back.
  takeBack(page) {
    const { entries } = this;
    const last = this.standing(page).at(-1);
    if (!last || last.id === this.#sending) return null;
    if (last.tried) return last;
    this.#store(entries.filter((entry) => entry.id !== last.id));
    if (entries.length === 1) this.drain(); // nothing waits any more, so there is no trouble
    return last;
  }

  // Sends everything in order; resolves when the queue is empty or an attempt failed.
  drain() {
    clearTimeout(this.#timer);
    this.#running ??= this.#exclusively(() => this.#sendAll()).finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  // Two tabs of one person share the queue; one of them sends at a time.
  #exclusively(work) {
    return navigator.locks ? navigator.locks.request(this.#key, work) : work();
  }

  async #sendAll() {
    for (let entry = this.entries[0]; entry; entry = this.entries[0]) {
      this.#sending = entry.id;
      if (navigator.onLine && !entry.tried) {
        this.#store(this.entries.map((other) => (other.id === entry.id ? { ...other, tried: true } : other)));
      }
      // The server's clock counts; it only has to know how long ago this was.
      const answer = await this.#handlers.deliver(entry, { ...entry.fields, ago_ms: Math.max(0, Date.now() - entry.at) || 0 });
      this.#sending = null;
      if (answer.outcome === "unreachable" || answer.outcome === "signed-out") {
        this.trouble = answer.outcome;
        this.#timer = setTimeout(() => this.drain(), this.#delay);
        this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY_MS);
        this.#handlers.changed();
        return;
      }
      this.trouble = null;
      this.#delay = FIRST_DELAY_MS;
      this.#store(this.entries.filter((other) => other.id !== entry.id));
      await this.#handlers.settled(entry, answer);
    }
    if (this.trouble) {
      this.trouble = null;
      this.#handlers.changed();
    }
  }
}
