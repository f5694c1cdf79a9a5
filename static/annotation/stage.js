// What is on the screen: one comparison, or a card that says why there is none; and the comparisons that wait.

import * as clock from "./clock.js";
import * as panes from "./panes.js";

export class Stage {
  #root = document.getElementById("stage");
  #waiting = document.getElementById("waiting");
  #bar = document.querySelector(".bar");
  #state = "saved";
  locked = false; // while a judgment is taken back, nothing can be answered

  get article() {
    return this.#root.querySelector(":scope > [data-lease]");
  }

  get lease() {
    return this.article?.dataset.lease ?? null;
  }

  get kind() {
    return this.#root.firstElementChild?.dataset.kind ?? null;
  }

  get waitingLeases() {
    return [...this.#waiting.children].map((template) => template.dataset.lease);
  }

  get leases() {
    return this.lease ? [this.lease, ...this.waitingLeases] : this.waitingLeases;
  }

  set state(state) {
    this.#state = state;
    const shown = this.#root.querySelector(":scope > [data-state]");
    if (shown) shown.dataset.state = state;
  }

  // A comparison has come onto the screen: by this page's scripts, or by the server with the page.
  present() {
    const { article } = this;
    const practising = this.kind === "practice";
    this.#bar.toggleAttribute("data-idle", !article && !practising);
    this.#bar.toggleAttribute("data-practice", practising);
    if (practising) panes.attach(this.#root.firstElementChild);
    if (!article) return;
    article.dataset.state = this.#state;
    for (const input of document.querySelectorAll("input[name=lease]")) input.value = article.dataset.lease;
    document.querySelector("#answer input[name=feedback_id]").value = article.dataset.feedback;
    panes.attach(article);
    clock.start();
  }

  show(article) {
    this.#root.replaceChildren(article);
    this.present();
    article.focus({ preventScroll: true });
  }

  // Shows a card; an element or the name of one of the page's own.
  card(card) {
    const own = typeof card === "string";
    const element = own ? document.querySelector(`template[data-state-card="${card}"]`).content.firstElementChild.cloneNode(true) : card;
    const again = this.kind === element.dataset.kind;
    this.#root.replaceChildren(element);
    this.present();
    element.dataset.state = this.#state;
    if (!own) htmx.process(element);
    for (const time of element.querySelectorAll("time")) {
      time.textContent = new Date(time.dateTime).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
    }
    if (!again) element.focus({ preventScroll: true });
    return element;
  }

  // Takes the comparison off the screen and hands it over.
  take() {
    const { article } = this;
    article.remove();
    return article;
  }

  wait(article, { first = false } = {}) {
    const template = document.createElement("template");
    template.dataset.lease = article.dataset.lease;
    template.content.append(article);
    this.#waiting[first ? "prepend" : "append"](template);
  }

  // Takes a waiting comparison, by its lease or the first one; null when there is none.
  next(lease = this.waitingLeases[0]) {
    const template = [...this.#waiting.children].find((one) => one.dataset.lease === lease);
    template?.remove();
    return template ? document.adoptNode(template.content.firstElementChild) : null;
  }

  // Drops waiting comparisons that are no longer held.
  keepWaiting(leases) {
    for (const template of [...this.#waiting.children]) {
      if (!leases.includes(template.dataset.lease)) template.remove();
    }
  }
}
