// The end of a session: only for a page with a token.

import { button, show } from "./dom.js";
import { logOut, needsToken } from "./net.js";
import { attempt } from "./notices.js";

/** Returns the button that logs out; hidden if the page has no token. */
export function logoutButton() {
  const press = button("Log out", async () => {
    // The same address again: the form keeps it for the next login.
    if (await attempt("Logging out", logOut)) location.reload();
  }, { class: "logout", hidden: true });
  needsToken().then((needs) => show(press, needs));
  return press;
}
