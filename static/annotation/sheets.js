// Dialogs and the guidelines beside the texts: opening, closing, and where the focus goes.

const drawer = document.getElementById("guidelines-drawer");
const phone = matchMedia("(max-width: 719px)");

export function wire({ skip, toast }) {
  document.addEventListener("submit", (event) => {
    const { opens, reason } = event.target.dataset;
    if (opens) {
      event.preventDefault();
      toggle(opens);
    } else if (reason === "skip") {
      event.preventDefault();
      const given = new FormData(event.target);
      document.getElementById("skip-dialog").close();
      skip(given.get("other").trim() || (given.get("reason") ?? ""));
    } else if ("read" in event.target.dataset) {
      event.preventDefault();
      closeDrawer();
    }
  });
  document.addEventListener("click", (event) => {
    const closes = event.target.closest?.("[data-closes]")?.dataset.closes;
    if (closes === "guidelines-drawer") closeDrawer();
    else if (closes) document.getElementById(closes).close();
    // A click beside a dialog closes it.
    else if (event.target instanceof HTMLDialogElement) event.target.close();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !document.querySelector("dialog:modal, [popover]:popover-open")) closeDrawer();
  });
  const flag = document.getElementById("flag-dialog");
  const problem = flag.querySelector(".dialog-problem");
  flag.addEventListener("htmx:after:swap", ({ detail }) => {
    flag.close();
    if (detail.ctx.response.status === 200) toast("Flagged for the lead");
  });
  for (const failure of ["htmx:error", "htmx:response:error"]) {
    flag.addEventListener(failure, () => {
      problem.textContent = "That did not reach the server. Your words are still here; try again when the connection is back.";
      problem.hidden = false;
    });
  }
  phone.addEventListener("change", cover);
  cover();
  if ("first" in drawer.dataset) drawer.querySelector("[data-read] button").focus({ preventScroll: true });
}

export function toggle(id) {
  const sheet = document.getElementById(id);
  if (sheet instanceof HTMLDialogElement) {
    if (sheet.open) return sheet.close();
    sheet.querySelector("form")?.reset();
    const problem = sheet.querySelector(".dialog-problem");
    if (problem) problem.hidden = true;
    return sheet.showModal();
  }
  return sheet.hidden ? openDrawer() : closeDrawer();
}

export function openDrawer() {
  drawer.hidden = false;
  cover();
  document.getElementById("guidelines-text").focus({ preventScroll: true });
}

function closeDrawer() {
  if (drawer.hidden) return;
  drawer.hidden = true;
  cover();
  if ("first" in drawer.dataset) {
    delete drawer.dataset.first;
    drawer.dispatchEvent(new CustomEvent("prefapp:read", { bubbles: true }));
  }
  document.querySelector("#stage > *")?.focus({ preventScroll: true });
}

// On a phone the guidelines lie over the comparison: nothing can be pressed that cannot be seen.
function cover() {
  for (const part of document.querySelectorAll("#stage, .bar")) part.inert = phone.matches && !drawer.hidden;
}
