// The connection to tfs: one stream of overviews while the page is visible, none while it is not.

import { Failure, get } from "./net.js";
import { changed, setHistory, setOverview, store } from "./store.js";

/** An overview comes each second; after this long without one the stream is opened anew. */
const SILENCE_MAX_MS = 6000;
/** Times between attempts. */
const RETRY_MS = [1000, 2000, 4000, 8000];

/** Time limit of the first requests. */
const ANSWER_MAX_MS = 10000;

let stream = null;
/** Counts the starts: what an older one gets is not used. */
let generation = 0;
let attempts = 0;
let retryTimer = 0;
let silenceTimer = 0;

function stop() {
  generation += 1;
  stream?.close();
  stream = null;
  clearTimeout(retryTimer);
  clearTimeout(silenceTimer);
}

function fail(why, isRetried = true) {
  stop();
  if (document.hidden) return;
  const wait = RETRY_MS[Math.min(attempts, RETRY_MS.length - 1)];
  attempts += 1;
  if (store.link !== "lost") store.lostAt = Date.now();
  Object.assign(store, { link: "lost", why, retryAt: isRetried ? Date.now() + wait : null });
  if (isRetried) retryTimer = setTimeout(start, wait);
  changed();
}

function expectMore() {
  clearTimeout(silenceTimer);
  silenceTimer = setTimeout(() => fail("tfs sends nothing"), SILENCE_MAX_MS);
}

function take(overview) {
  setOverview(overview);
  attempts = 0;
  store.link = "live";
  changed();
}

/** Opens the stream. The plot is full at once, from the history that tfs keeps. */
export async function start() {
  stop();
  const mine = generation;
  try {
    const overview = await get("/api/overview", {}, { timeout: ANSWER_MAX_MS, asks: true });
    const history = await get("/api/history", {}, { timeout: ANSWER_MAX_MS });
    if (mine !== generation) return;
    setHistory(history);
    take(overview);
  } catch (error) {
    const why = error instanceof Failure ? error.message : String(error);
    // Without the token another attempt would only ask for it again.
    if (mine === generation) fail(why, error.status !== 401);
    return;
  }
  expectMore();
  stream = new EventSource("/events");
  stream.addEventListener("overview", (event) => {
    expectMore();
    take(JSON.parse(event.data));
  });
  stream.addEventListener("error", () => fail("the connection to tfs ended"));
}

/** Tries at once. */
export function retryNow() {
  attempts = 0;
  start();
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stop();
    store.link = "hidden";
  } else start();
});
// A page that is kept for "back" holds no stream.
addEventListener("pagehide", stop);
addEventListener("pageshow", (event) => event.persisted && start());
