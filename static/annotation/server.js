// Talks to the server: one POST at a time is sent by its caller; what comes back is placed by htmx.

const TIMEOUT_MS = 15_000;

export function csrfToken() {
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/);
  return cookie?.[1] ?? document.querySelector("[name=csrfmiddlewaretoken]")?.value ?? "";
}

export function formBody(fields) {
  const body = new URLSearchParams();
  for (const [name, value] of Object.entries(fields)) {
    for (const item of [value].flat()) body.append(name, item);
  }
  return body;
}

// Resolves to {outcome, status, text}; never rejects. Outcomes:
// done         the server took it, had it already, or refused it with 409; text is a fragment for place()
// unreachable  no connection, or the server is in trouble: worth trying again
// signed-out   somebody has to sign in first
// rejected     it will never be taken; text says why
// shut-out     the same, since this person may not work here any more
export async function post(url, fields) {
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "HX-Request": "true", "X-CSRFToken": csrfToken() },
      body: formBody(fields),
      credentials: "same-origin",
      redirect: "manual",
      keepalive: true,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    const { status } = response;
    if (response.type === "opaqueredirect" || status === 401 || status === 403) return { outcome: "signed-out" };
    if (status === 408 || status === 429 || status >= 500) return { outcome: "unreachable" };
    if (status === 404) return { outcome: "shut-out", text: "You are not a member of this project any more." };
    const text = await response.text();
    if (!response.ok && status !== 409) {
      const plain = response.headers.get("Content-Type")?.startsWith("text/plain");
      return { outcome: "rejected", text: plain ? text : "The server could not read it." };
    }
    return { outcome: "done", status, text };
  } catch {
    return { outcome: "unreachable" };
  }
}

// Puts a fragment where its parts belong: #inbox, and the progress out of band. htmx then tells the page.
export function place(text) {
  return text ? htmx.swap({ text, target: "#inbox", swap: "outerHTML", sourceElement: document.body }) : undefined;
}

// The guidelines as they hold now: {version, text}; nothing when they cannot be had.
export async function guidelines(url) {
  try {
    const response = await fetch(url, { headers: { "HX-Request": "true" }, credentials: "same-origin", redirect: "manual" });
    if (!response.ok) return {};
    return { version: response.headers.get("Guidelines-Version"), text: await response.text() };
  } catch {
    return {};
  }
}
