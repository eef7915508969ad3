// Requests to tfs, and the stream of overviews.

/** A request that failed. `status` is 0 if no answer came. */
export class Failure extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Shows the form for the token; resolves to whether it was right. Set by the dialogs. */
export const login = { ask: async () => false };

/** Returns a path with its query; null values are left out. */
export function url(path, query = {}) {
  const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined);
  const search = new URLSearchParams(given).toString();
  return search === "" ? path : `${path}?${search}`;
}

/** Returns the path of a file; its name is for players only. */
export const fileUrl = (place, fileName) => {
  const last = encodeURIComponent(fileName.split("/").pop());
  const path = `/file/${place.info_hash}/${place.file_index}/${last}`;
  return url(path, { mountpoint: place.mountpoint });
};

/** Returns the path of a playlist of a torrent, or of one of its files. */
export const listUrl = (place) => {
  const index = place.file_index === undefined ? "" : `/${place.file_index}`;
  return url(`/m3u/${place.info_hash}${index}`, { mountpoint: place.mountpoint });
};

async function send(path, { timeout, ...options }) {
  let answer;
  try {
    const signal = timeout ? AbortSignal.timeout(timeout) : options.signal;
    answer = await fetch(path, { cache: "no-store", ...options, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure(0, "tfs does not answer; check that it runs and that the network works");
  }
  if (answer.ok) return answer;
  const body = await answer.text();
  let message = answer.status === 401 ? "log in with the token of the page" : body.trim();
  try {
    message = JSON.parse(body).message ?? message;
  } catch {
    if (message === "" || message.startsWith("<")) message = `tfs answered ${answer.status}`;
  }
  throw new Failure(answer.status, message);
}

/**
 * Sends a request. Without the right to it, asks for the token and sends it once more: for changes,
 * and with `asks`; requests that are repeated on their own would ask again and again.
 */
export async function request(path, { asks = false, ...options } = {}) {
  try {
    return await send(path, options);
  } catch (error) {
    const mayAsk = asks || options.method === "POST";
    if (error.status !== 401 || !mayAsk || !(await login.ask())) throw error;
    return send(path, options);
  }
}

/** Returns the JSON of a path. */
export const get = async (path, query, options) => (await request(url(path, query), options)).json();

/** Changes a torrent. */
export const act = (place, action) =>
  request(url(`/api/torrents/${place.info_hash}`, { mountpoint: place.mountpoint }), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(action),
  });

/** Adds a torrent from a file or the text of a magnet link. */
export async function add(query, content) {
  const type = typeof content === "string" ? "text/plain;charset=utf-8" : "application/x-bittorrent";
  const options = { method: "POST", headers: { "content-type": type }, body: content };
  return (await request(url("/api/add", query), options)).json();
}

/** Sends the token. Resolves to null, or to why it was refused. */
export async function sendToken(token) {
  try {
    const body = new URLSearchParams({ token });
    await send("/login", { method: "POST", body });
    return null;
  } catch (error) {
    if (error.status === 401) return "This is not the token.";
    if (error.status === 429) return "Too many wrong tokens: wait a minute, then try again.";
    return error.message;
  }
}

/** Returns whether the page has a token: without one, tfs leads from the form to the page. */
export async function needsToken() {
  try {
    const answer = await fetch("/login", { cache: "no-store", redirect: "manual" });
    // The connection is free for others after the whole answer.
    await answer.text();
    return answer.type !== "opaqueredirect" && answer.ok;
  } catch {
    return false;
  }
}

/** Ends the session. */
export const logOut = () => send("/logout", { method: "POST" });
