// Short texts about what was done or failed, at the lower edge of the page.

import { button, h } from "./dom.js";

/** How long a text about success stays. */
const SHOWN_MS = 6000;
const NOTICES_MAX = 4;

const place = () => document.getElementById("notices");

function notice(kind, text) {
  const node = h("div", { class: `notice ${kind}` }, h("span", {}, text));
  const close = () => node.remove();
  node.append(button("×", close, { "aria-label": "Close this message" }));
  place().append(node);
  while (place().childElementCount > NOTICES_MAX) place().firstChild.remove();
  return close;
}

/** Says what was done. */
export const done = (text) => setTimeout(notice("done", text), SHOWN_MS);

/** Says what failed; it stays until it is closed. */
export const failed = (text) => notice("failed", text);

/** Runs an action, says what failed, and returns whether it succeeded. */
export async function attempt(what, action, success = null) {
  try {
    await action();
    if (success) done(success);
    return true;
  } catch (error) {
    failed(`${what} failed: ${error.message}`);
    return false;
  }
}
