// Answers that were kept on this device while there was no connection are sent from the home page as well.

import { Outbox } from "./outbox.js";
import { post } from "./server.js";

const said = document.getElementById("unsent");
const outbox = new Outbox(`prefapp:outbox:${said.dataset.user}`, {
  deliver: (entry, fields) => post(entry.url, fields),
  settled: () => {},
  changed: () => tell(outbox.entries.length),
});
const found = outbox.entries.length;

function tell(left) {
  said.hidden = !found;
  const answers = `${found} answer${found === 1 ? "" : "s"} from before`;
  if (!left) said.textContent = `${answers} ${found === 1 ? "has" : "have"} been saved.`;
  else if (outbox.trouble) said.textContent = `${answers}: ${left} still kept on this device, to be sent when the connection is back.`;
  else said.textContent = `${answers}: sending…`;
}

if (found) {
  tell(found);
  outbox.drain();
}
