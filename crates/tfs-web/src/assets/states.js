// States of torrents, in the words of `tfs list`.

/** Signs say the state too, so that it does not depend on colour. */
const SIGNS = { seeding: "✓", downloading: "▶", checking: "…", paused: "❚❚", failed: "✕",
  resolving: "…" };

/** Returns the state of a torrent as a word. */
export function stateOf({ state, finished }) {
  if (state === "live") return finished ? "seeding" : "downloading";
  return { initializing: "checking", error: "failed" }[state] ?? state;
}

/** Returns the sign of a state. */
export const signOf = (word) => SIGNS[word] ?? "?";

/** The states that a filter can choose, with their labels. */
export const STATE_CHOICES = [["", "all states"], ...Object.keys(SIGNS).map((word) => [word, word]),
  ["unfinished", "not finished"]];

/** Returns whether a torrent has a state of the filter. */
export const hasState = (torrent, choice) => choice === "" ||
  (choice === "unfinished" ? !torrent.finished : stateOf(torrent) === choice);
