// The state that all views share, and who is told when it changes.

import { remember, remembered } from "./memory.js";

/** Samples of the plot: ten minutes. */
const SAMPLES_MAX = 600;

/** The names of its series. */
export const SERIES = ["given_bps", "fetched_bps", "local_bps", "waiting", "failures"];

export const store = {
  /** The newest overview, or null. */
  overview: null,
  /** The counters of the last ten minutes. */
  history: Object.fromEntries(SERIES.map((series) => [series, []])),
  /** `starting`, `live`, `hidden` or `lost`. */
  link: "starting",
  /** When the connection was lost, in milliseconds, and the time of the next attempt or null. */
  lostAt: 0,
  retryAt: 0,
  /** Why the last attempt failed. */
  why: "",
};

const listeners = new Set();

/** Calls a function after each change, until the result is called. */
export function subscribe(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Tells all listeners. */
export const changed = () => listeners.forEach((listener) => listener());

/** Returns the chosen mount, or null for all mounts. */
export function chosen() {
  const mountpoint = remembered("mount");
  const mounts = store.overview?.mounts ?? [];
  if (mounts.length < 2) return mounts[0]?.mountpoint ?? null;
  return mounts.some((mount) => mount.mountpoint === mountpoint) ? mountpoint : null;
}

/** Chooses a mount; null is all. */
export function choose(mountpoint) {
  remember("mount", mountpoint);
  changed();
}

/** Returns the mounts that are shown. */
export function shownMounts() {
  const mountpoint = chosen();
  const mounts = store.overview?.mounts ?? [];
  return mountpoint === null ? mounts : mounts.filter((mount) => mount.mountpoint === mountpoint);
}

/** Takes a history from tfs. */
export function setHistory(history) {
  for (const series of SERIES) store.history[series] = history[series].slice(-SAMPLES_MAX);
  store.history.until = history.until;
}

const sum = (list, of) => list.reduce((total, item) => total + (of(item) ?? 0), 0);

/** Appends an overview to the history: all mounts of the process, as the history has them. */
function extendHistory(overview, before) {
  const { history } = store;
  const steps = Math.min(SAMPLES_MAX, overview.now - (history.until ?? overview.now - 1));
  if (steps <= 0) return;
  const { mounts } = overview;
  const failures = (list) => sum(list, (mount) => mount.reads.failures);
  const sample = {
    given_bps: sum(mounts, (mount) => mount.recent.given_bps),
    fetched_bps: sum(mounts, (mount) => mount.recent.fetched_bps),
    local_bps: sum(mounts, (mount) => mount.recent.local_bps),
    waiting: sum(mounts, (mount) => mount.reads.waiting),
    failures: before ? Math.max(0, failures(mounts) - failures(before.mounts)) : 0,
  };
  for (const series of SERIES) {
    for (let step = 0; step < steps; step += 1) {
      history[series].push(series === "failures" && step > 0 ? 0 : sample[series]);
    }
    history[series] = history[series].slice(-SAMPLES_MAX);
  }
  history.until = overview.now;
}

/** Recent totals of bytes by server, for their speed. */
const totals = new Map();

/** Takes an overview from tfs. */
export function setOverview(overview) {
  extendHistory(overview, store.overview);
  store.overview = overview;
  for (const mount of overview.mounts) {
    for (const server of mount.servers) {
      const key = `${mount.mountpoint}\n${server.name}`;
      const samples = totals.get(key) ?? [];
      const last = samples.at(-1);
      if (last && (last.bytes > server.bytes_fetched || last.at > overview.now)) samples.length = 0;
      if (last?.at !== overview.now) samples.push({ at: overview.now, bytes: server.bytes_fetched });
      totals.set(key, samples.slice(-4));
    }
  }
}

/** Returns the speed of a server over the last seconds, in bytes a second; null if unknown. */
export function serverSpeed(mountpoint, server) {
  const samples = totals.get(`${mountpoint}\n${server}`) ?? [];
  const [first, last] = [samples[0], samples.at(-1)];
  return samples.length < 2 ? null : (last.bytes - first.bytes) / (last.at - first.at);
}
