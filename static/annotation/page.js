// The comparison page: a key or button answers what is on the screen, shows the waiting comparison at once, and sends
// the answer behind it. The server's replies bring the next comparison, the progress, and what is held.

import * as clock from "./clock.js";
import * as diff from "./diff.js";
import * as keys from "./keys.js";
import * as lease from "./lease.js";
import { Outbox } from "./outbox.js";
import * as prefs from "./prefs.js";
import { guidelines, place, post } from "./server.js";
import * as sheets from "./sheets.js";
import { Stage } from "./stage.js";

const KEPT_ARTICLES = 5; // of answered comparisons, to take an unsent answer back without asking the server
const config = document.getElementById("stage").dataset;
const RETRY_MS = 3_000;
const TOAST_MS = 30_000;
const answers = document.getElementById("answer");
const undoForm = document.getElementById("undo");
const stage = new Stage();
const outbox = new Outbox(`prefapp:outbox:${config.user}`, { deliver, settled, changed: tellTrouble });
const answered = new Set(outbox.entries.filter((entry) => !outbox.isUndone(entry)).map((entry) => entry.fields.lease)); // never to be shown again
const recent = new Map(); // lease → article, of answers that may still be unsent
let fading = 0; // timer of the toast
let newest = 0; // stamp of the last reply that was read
let wanted = ""; // lease that the next reply is to put on the screen
let judged = [undoForm.last.value, ...unsentJudgments().map((entry) => entry.fields.lease)].filter(Boolean); // in order

// ---- Answering

function judge(button) {
  if (stage.kind === "practice") return endPractice(button);
  if (!stage.article || stage.locked) return;
  const { feedback } = stage.article.dataset;
  const fields = { choice: button.value, feedback_id: feedback, guidelines: config.guidelinesVersion, ...clock.read() };
  judged.push(stage.lease);
  answer({ id: feedback, kind: "judge", url: answers.action, label: button.firstElementChild.textContent }, fields);
}

function skip(reason = "") {
  if (!stage.article || stage.locked) return;
  answer({ id: `skip ${stage.lease}`, kind: "skip", url: config.skip, label: "Skipped" }, { reason });
}

function answer(entry, fields) {
  const article = stage.take();
  const { lease: answeredLease } = article.dataset;
  answered.add(answeredLease);
  recent.set(answeredLease, article);
  if (recent.size > KEPT_ARTICLES) recent.delete(recent.keys().next().value);
  outbox.add({ ...entry, page: location.pathname, fields: { lease: answeredLease, ...fields } });
  advance();
  toast(entry.label, { undo: entry.kind === "judge" });
  if (matchMedia("(pointer: coarse)").matches) navigator.vibrate?.(12);
}

function advance() {
  const article = stage.next();
  if (article) {
    stage.show(article);
    announce();
  } else {
    stage.card(waitingCard());
  }
  reflect();
}

function practise() {
  if (stage.locked || stage.kind === "practice") return;
  if (stage.article) stage.wait(stage.take(), { first: true });
  stage.card("practice");
  say("Practice. Nothing is saved.");
}

function endPractice(button) {
  advance();
  if (!stage.article) supply();
  toast(`${button.firstElementChild.textContent} · practice only, nothing was saved`);
}

function waitingCard() {
  return { unreachable: "offline", "signed-out": "signed-out" }[outbox.trouble] ?? "coming";
}

async function undo() {
  if (stage.locked) return;
  const unsent = outbox.takeBack(location.pathname);
  const article = unsent && recent.get(unsent.fields.lease);
  if (unsent) {
    const { lease: last } = unsent.fields;
    judged.pop();
    answered.delete(last);
    if (unsent.tried) {
      outbox.add({ id: newId(), kind: "undo", url: config.undo, label: "Undo", page: location.pathname, fields: { last } });
      if (article) article.dataset.feedback = newId(); // the next answer is another record
    }
    toast("Taken back");
    if (article) return bringBack(article);
    wanted = last;
    return supply();
  }
  const last = judged.at(-1);
  if (!last) return;
  stage.locked = true;
  toast("Taking it back…");
  await outbox.drain();
  // What was said before has to arrive before it can be taken back.
  const { outcome, status, text } = outbox.trouble ? {} : await post(config.undo, { last, known: stage.leases });
  stage.locked = false;
  if (outcome !== "done") return toast("Undo needs the connection. Nothing has changed; try again in a moment.");
  if (status === 200) {
    answered.delete(last);
    toast("Taken back");
  }
  await place(text); // and says so when nothing was taken back, or when it does not come back
}

// Hexadecimal digits of 128 random bits. (crypto.randomUUID is there with HTTPS only.)
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

function bringBack(article) {
  if (stage.article) stage.wait(stage.take(), { first: true });
  stage.show(article);
  reflect();
}

// ---- Sending and receiving

function deliver(entry, fields) {
  return post(entry.url, { ...fields, known: isHere(entry) ? stage.leases : [] });
}

async function settled(entry, { outcome, text }) {
  // What was taken back meanwhile is on the screen again; the reply to the undo tells of it.
  const takenBack = outbox.entries.some((other) => other.kind === "undo" && other.fields.last === entry.fields.lease);
  if (["rejected", "shut-out"].includes(outcome)) notice(`“${entry.label}” could not be saved. ${text}`);
  else if (isHere(entry) && !takenBack) await place(text);
  if (outcome === "shut-out" && isHere(entry)) return stage.card("shut-out");
  if (stage.kind === "coming" && !outbox.entries.length) supply();
}

function unsentJudgments() {
  return outbox.standing(location.pathname);
}

function isHere(entry) {
  return entry.page === location.pathname;
}

function tellTrouble() {
  if (["coming", "offline", "signed-out"].includes(stage.kind)) stage.card(waitingCard());
  reflect();
}

async function supply() {
  const { outcome, text } = await post(config.next, { known: stage.leases });
  if (outcome === "done") await place(text);
  else if (outcome === "shut-out") stage.card("shut-out");
  else if (!stage.article) setTimeout(supply, RETRY_MS);
}

// Reads what the server put into #inbox: cards that are new to this page, and every lease that is held.
function receive() {
  const inbox = document.getElementById("inbox");
  if (!inbox.dataset.held && !inbox.querySelector("[data-card]")) return;
  const { held, last, show, notice: said, guidelinesVersion, scale, stamp } = inbox.dataset;
  const ours = held.split(" ").filter((one) => one && !answered.has(one));
  const card = inbox.querySelector("[data-card]")?.content.firstElementChild;
  const fresh = [...inbox.querySelectorAll("template[data-lease]")];
  inbox.replaceChildren();
  delete inbox.dataset.held;
  // Replies may overtake each other; what an older one says is over.
  if (Number(stamp) < newest) return;
  newest = Number(stamp);
  stage.keepWaiting(ours);
  for (const { dataset, content } of fresh) {
    const isNew = ours.includes(dataset.lease) && !stage.leases.includes(dataset.lease);
    if (isNew) stage.wait(document.adoptNode(content.firstElementChild));
  }
  if (!unsentJudgments().length) judged = last ? [last] : [];
  // Other answers are offered now; what is on the screen is still held.
  if (scale !== config.scale && !outbox.entries.length) return location.reload();
  if (said) notice(said);
  if (guidelinesVersion !== config.guidelinesVersion) renewGuidelines();
  arrange(ours, show || wanted, card);
  wanted = "";
  reflect();
}

function arrange(ours, first, card) {
  if (first && ours.includes(first) && stage.lease !== first) {
    const article = stage.next(first);
    if (article) {
      bringBack(article);
      announce();
    }
  } else if (stage.lease && !ours.includes(stage.lease)) {
    // Nobody pressed a key: what comes next must not slip under the finger.
    stage.card(card ? document.adoptNode(card) : "lost");
  } else if (!stage.article && !["lost", "practice", "shut-out"].includes(stage.kind)) {
    if (stage.waitingLeases.length) advance();
    else if (card && !outbox.entries.length) stage.card(document.adoptNode(card));
    else if (ours.length) supply();
  }
}

// Answers name the version that was shown, so it is the new one only once its text is there.
async function renewGuidelines() {
  const { version, text } = await guidelines(config.guidelines);
  if (!version || version === config.guidelinesVersion) return;
  await htmx.swap({ text, target: "#guidelines-text", swap: "innerHTML", sourceElement: document.body });
  config.guidelinesVersion = version;
  document.getElementById("guidelines-drawer").dataset.first = "";
  sheets.openDrawer();
  toast("The guidelines have changed");
}

// ---- Telling

// State, undo and the count of unsent answers, as they are now.
function reflect() {
  const unsent = outbox.entries.filter((entry) => entry.kind !== "undo" && !outbox.isUndone(entry)).length;
  const state = outbox.trouble ? "offline" : outbox.entries.length ? "saving" : "saved";
  stage.state = state;
  const kept = `${unsent} answer${unsent === 1 ? " is" : "s are"}`;
  const words = { saved: "Saved ✓", saving: "Saving…", offline: outbox.trouble === "signed-out" ? `Signed out · ${kept} kept here` : `No connection · ${kept} kept here` };
  const status = document.getElementById("status");
  status.dataset.shows = state;
  if (status.textContent !== words[state]) {
    status.textContent = words[state];
    if (state === "offline") say(words.offline);
  }
  for (const place of document.querySelectorAll("[data-kept]")) place.textContent = unsent ? `${kept}` : "Everything is";
  for (const link of document.querySelectorAll("[data-login]")) link.href = config.login;
  undoForm.last.value = judged.at(-1) ?? "";
  undoForm.querySelector("button").disabled = !judged.length;
  document.querySelector("[data-act=diff]").setAttribute("aria-pressed", String(Boolean(document.querySelector("mark.diff"))));
}

function announce() {
  const { ordinal, total } = document.getElementById("progress").dataset;
  say(`Comparison ${Number(ordinal) + unsentJudgments().length} of ${total}`);
}

function say(words) {
  document.getElementById("live").textContent = words;
}

function toast(words, { undo: canUndo = false } = {}) {
  const place = document.getElementById("toast");
  const said = document.createElement("span");
  said.className = "lit";
  said.textContent = words;
  place.replaceChildren(said);
  if (canUndo) {
    // The bar's Undo is the one for everybody; this one is nearer to the thumb.
    const button = document.createElement("button");
    const hint = document.createElement("span");
    hint.className = "key-hint";
    hint.textContent = " (u)";
    Object.assign(button, { type: "button", tabIndex: -1 });
    button.append("Undo", hint);
    button.dataset.act = "undo";
    button.setAttribute("aria-hidden", "true");
    place.append(" · ", button);
  } else {
    say(words);
  }
  fadeToast();
}

function notice(words) {
  const place = document.getElementById("toast");
  const said = document.createElement("span");
  said.className = "warning";
  said.setAttribute("role", "alert");
  said.textContent = words;
  place.replaceChildren(said);
  fadeToast();
}

function fadeToast() {
  clearTimeout(fading);
  fading = setTimeout(() => document.getElementById("toast").replaceChildren(), TOAST_MS);
}

// ---- Wiring

const acts = {
  undo,
  practise,
  skip: () => skip(),
  keys: () => sheets.toggle("keys"),
  retry: () => outbox.drain(),
  continue: () => (stage.waitingLeases.length ? advance() : (stage.card("coming"), supply())),
  diff: () => {
    const [left, right] = stage.article?.querySelectorAll(".pane .prose") ?? [];
    if (!left) return;
    diff.toggle(left, right);
    reflect();
  },
};

document.addEventListener("submit", (event) => {
  const { target, submitter } = event;
  if (target !== answers && target !== undoForm) return;
  event.preventDefault();
  if (target === undoForm) undo();
  else if (submitter?.name === "choice") judge(submitter);
  else if (submitter?.dataset.act === "skip") skip();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest?.("button");
  if (!button) return;
  // The second click of a double click would answer a comparison that nobody has seen.
  if (event.detail > 1 && button.form === answers) event.preventDefault();
  else if (button.type === "button") acts[button.dataset.act]?.();
});
document.addEventListener("htmx:after:swap", receive);
document.addEventListener("prefapp:read", () => post(config.guidelines, {}));

keys.listen();
prefs.wire();
sheets.wire({ skip, toast });
lease.keepAlive(stage, { ...config, leaseSeconds: Number(config.leaseSeconds) });
if (answered.has(stage.lease)) {
  recent.set(stage.lease, stage.take());
  stage.keepWaiting(stage.waitingLeases.filter((one) => !answered.has(one)));
  advance();
} else {
  stage.present();
}
delete document.documentElement.dataset.unsent;
reflect();
outbox.drain();
