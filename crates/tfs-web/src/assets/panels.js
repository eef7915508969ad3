// The panels of the first view beside readers and plot.

import { bar, button, h, keyed, name, set, show, text } from "./dom.js";
import { clock, count, counted, duration, millis, percent, share, size, speed, splitPath, words }
  from "./format.js";
import { serverProblems } from "./problems.js";
import { torrentHash } from "./readers.js";
import { serversOf } from "./servers.js";

/** Rows of a list in a panel on a small screen and on a tall one; a button shows the rest. */
const ROWS_FEW = 3;
const ROWS_MANY = 10;
const TALL_PX = 1000;

const sum = (list, of) => list.reduce((total, item) => total + (of(item) ?? 0), 0);
const withMount = (mounts, of) => mounts.flatMap((mount) => of(mount).map((item) => ({
  ...item, mountpoint: mount.mountpoint, shownMount: mounts.length > 1 ? mount.mountpoint : null,
})));

/** Returns a section with a heading. `note` stands at the end of its line. */
export function panel(id, title, ...content) {
  const heading = h("h2", { id }, title);
  const note = h("span", { class: "note" });
  const node = h("section", { class: `panel ${id}`, "aria-labelledby": id },
    h("div", { class: "panel-head" }, heading, note), ...content);
  return { node, heading, note };
}

/** Returns a list with a line for an empty one, and a button for the rest of a long one. */
function list(emptyText, create) {
  let isWhole = false;
  let again = () => {};
  const items = h("ul", { class: "rows" });
  const none = h("p", { class: "none" }, emptyText);
  const rest = h("span", { class: "dim" });
  const turn = button("", () => {
    isWhole = !isWhole;
    again();
  }, { class: "plain-button" });
  const update = (all, keyOf, total = all.length, least = ROWS_FEW) => {
    again = () => update(all, keyOf, total, least);
    const few = Math.max(least, innerHeight >= TALL_PX ? ROWS_MANY : ROWS_FEW);
    const shown = isWhole ? all.length : Math.min(all.length, few);
    keyed(items, all.slice(0, shown), keyOf, create);
    show(items, all.length > 0);
    show(none, total === 0);
    show(turn, all.length > few);
    text(turn, isWhole ? "Show fewer" : `Show ${count(all.length - few)} more`);
    // Those that tfs counts but does not name.
    show(rest, total > all.length);
    text(rest, `and ${count(total - all.length)} more`);
  };
  return { node: h("div", {}, items, none, turn, " ", rest), update };
}

/** Returns the median of a histogram in milliseconds, as a bound; null without durations. */
function median({ bounds_micros: bounds = [], counts = [] } = {}) {
  const total = sum(counts, (number) => number);
  let seen = 0;
  for (let index = 0; index < bounds.length; index += 1) {
    seen += counts[index];
    if (total > 0 && seen * 2 >= total) return Math.ceil(bounds[index] / 1000);
  }
  return null;
}

function serverRow() {
  const sign = h("span", { class: "sign" });
  const title = name("", { class: "name" });
  const state = h("span", { class: "state" });
  const rate = h("span", { class: "number" });
  const facts = h("div", { class: "dim facts" });
  const trouble = h("div", { class: "bad facts" });
  const node = h("li", { class: "server-row" }, sign, title, state, rate, facts, trouble);
  const update = (server) => {
    const isDown = !server.reachable || server.breaker === "open";
    const isUnsure = !isDown && (server.breaker === "half_open" || server.silent_seconds >= 2);
    set(sign, "class", `sign ${isDown ? "down" : isUnsure ? "unsure" : "up"}`);
    const breaker = { open: "breaker open", half_open: "breaker half open" }[server.breaker];
    text(state, breaker ?? (server.reachable ? "" : "down"));
    text(title, server.name);
    set(title, "title", server.url);
    text(rate, server.speed > 0 ? `↓ ${speed(server.speed)}` : "");
    const errors = sum(server.errors ?? [], (error) => error.count);
    const first = median(server.first_byte);
    const parts = [`${server.streams_open} of ${counted(server.streams_max, "stream")}`,
      size(server.bytes_fetched)];
    if (errors > 0) parts.push(counted(errors, "error"));
    if (server.shownMounts) parts.unshift(server.shownMounts);
    text(facts, parts.join(" · "));
    const reasons = (server.errors ?? []).filter((error) => error.count > 0)
      .map((error) => `${count(error.count)} ${words(error.reason)}`);
    const opening = first === null ? [] : [`half of the first bytes within ${millis(first)}`];
    set(facts, "title", [counted(server.requests, "request"), ...reasons, ...opening].join(", "));
    const problem = serverProblems(server, false);
    const since = isDown && server.since ? ` (since ${clock(server.since)})` : "";
    text(trouble, problem.join("; ") + since);
    show(trouble, problem.length > 0);
  };
  return { node, update };
}

/** The servers: streams, speed, errors and breaker. */
export function servers() {
  const rows = list("No server.", serverRow);
  const { node } = panel("servers", "Servers", rows.node);
  const update = (mounts) => {
    const all = serversOf(mounts).map((server) => ({ ...server,
      shownMounts: mounts.length > 1 ? server.mountpoints.join(", ") : "" }));
    rows.update(all, (server) => server.key, all.length, 8);
  };
  return { node, update };
}

/** Buffers and cache, and what they save. */
export function memory() {
  const [buffers, cache] = [h("span", { class: "fill buffers" }), h("span", { class: "fill cache" })];
  const gauge = h("span", { class: "bar gauge", "aria-hidden": "true" }, buffers, cache);
  const used = h("p", {});
  const rates = h("p", { class: "dim" });
  const process = h("p", { class: "dim" });
  const { node } = panel("memory", "Memory", used, gauge, rates, process);
  const update = (mounts) => {
    const total = (field) => sum(mounts, (mount) => mount.memory[field]);
    const reads = (field) => sum(mounts, (mount) => mount.reads[field]);
    const [buffered, cached, limit] = ["buffered_bytes", "cached_bytes", "limit_bytes"].map(total);
    buffers.style.setProperty("width", `${share(buffered, limit) * 100}%`);
    cache.style.setProperty("width", `${share(cached, limit) * 100}%`);
    text(used, `buffers ${size(buffered)} + cache ${size(cached)} of ${size(limit)}`);
    text(rates, [`hits ${percent(reads("hits"), reads("reads"))}`,
      `local ${percent(reads("bytes_local"), reads("bytes_given"))} of bytes`,
      `not used ${percent(reads("bytes_unused"), reads("bytes_fetched"))}`].join(" · "));
    const usage = mounts[0]?.process ?? {};
    const parts = [];
    const resident = mounts[0]?.memory.resident_bytes;
    if (resident) parts.push(`process ${size(resident)}`);
    if (usage.threads) parts.push(counted(usage.threads, "thread"));
    if (usage.descriptors) parts.push(counted(usage.descriptors, "descriptor"));
    text(process, parts.join(" · "));
  };
  return { node, update };
}

/** Says why a preload waits. */
const PRELOAD_WAITS = {
  server: "the server does not answer", check: "the server checks the torrent",
  bitfield: "waits for the server's list of pieces", readers: "readers come first",
  stream: "waits for a stream", turn: "waits for its turn", piece: "waits for a piece",
  peers: "no peer sends data",
};

function preloadRow() {
  const title = name("", { class: "name" });
  const why = h("span", { class: "dim" });
  const part = h("span", { class: "number" });
  const progress = bar();
  const node = h("li", { class: "preload-row" }, title, why, part, progress.node);
  const update = (preload) => {
    text(title, splitPath(preload.path)[1]);
    set(title, "title", preload.path);
    const waits = preload.waits_for && (PRELOAD_WAITS[preload.waits_for] ?? "waits");
    const follows = preload.follows && `follows ${splitPath(preload.follows)[1]}`;
    text(why, [follows, waits].filter(Boolean).join(" · "));
    text(part, percent(preload.there_bytes, preload.total_bytes));
    progress.set(share(preload.there_bytes, preload.total_bytes));
  };
  return { node, update };
}

/** The preloads with their bars. */
export function preloads() {
  const rows = list("No preload.", preloadRow);
  const total = bar();
  const { node, note } = panel("preloads", "Preloads", rows.node);
  note.before(total.node);
  const update = (mounts) => {
    const of = (field) => sum(mounts, (mount) => mount.preloads[field]);
    const [running, waiting] = [of("running"), of("waiting")];
    const [there, all] = [of("there_bytes"), of("total_bytes")];
    const parts = [running > 0 && `${running} ${running === 1 ? "runs" : "run"}`,
      waiting > 0 && `${waiting} ${waiting === 1 ? "waits" : "wait"}`].filter(Boolean);
    text(note, parts.length === 0 ? "" : `${parts.join(", ")} · ${percent(there, all)}`);
    show(total.node, running + waiting > 0);
    total.set(share(there, all));
    const known = withMount(mounts, (mount) => mount.preloading ?? []);
    rows.update(known, (preload) => `${preload.mountpoint}\n${preload.path}`,
      Math.max(known.length, running));
  };
  return { node, update };
}

function leftOutRow() {
  const title = name("", { class: "name" });
  const why = h("span", { class: "dim why" });
  const node = h("li", { class: "two-lines" }, title, why);
  const update = (torrent) => {
    text(title, torrent.name ?? torrent.info_hash);
    set(title, "title", torrent.name ?? torrent.info_hash);
    text(why, `${torrent.why ?? "no answer"}${torrent.several ? ` · ${torrent.server}` : ""}`);
    set(why, "title", torrent.why);
  };
  return { node, update };
}

/** The torrents that are not shown, and why. */
export function leftOut() {
  const rows = list("None: all torrents are shown.", leftOutRow);
  const { node, note } = panel("left-out", "Left out", rows.node);
  const update = (mounts) => {
    const all = mounts.flatMap((mount) => mount.servers.flatMap((server) =>
      server.discovery.left_out.torrents.map((torrent) => ({
        ...torrent, server: server.name, several: mount.servers.length > 1,
      }))));
    const total = sum(mounts, (mount) =>
      sum(mount.servers, (server) => server.discovery.left_out.count));
    text(note, total === 0 ? "" : counted(total, "torrent"));
    rows.update(all, (torrent) => `${torrent.server}\n${torrent.info_hash}`, total);
  };
  return { node, update };
}

function waitRow() {
  const link = h("a", {}, name(""));
  const time = h("span", { class: "number" });
  const when = h("span", { class: "dim" });
  const node = h("li", { class: "wait-row" }, time, link, when);
  const update = (wait) => {
    text(time, millis(wait.for_millis));
    text(link.firstChild, wait.path === null ? "a removed torrent" : splitPath(wait.path)[1]);
    set(link, "title", wait.path);
    set(link, "href", wait.path === null ? null : torrentHash(wait));
    text(when, `${wait.failure ? `${words(wait.failure)} · ` : ""}${clock(wait.ended_at)}`);
  };
  return { node, update };
}

/** The longest waits and the failures of the last day. */
export function waits() {
  const rows = list("No read waited long.", waitRow);
  const failed = h("p", { class: "failures" });
  const { node } = panel("waits", "Longest waits (24 h)", rows.node,
    h("div", { class: "panel-head after" }, h("h2", {}, "Failures (24 h)"), failed));
  const update = (mounts) => {
    const all = withMount(mounts, (mount) => mount.recent.longest_waits);
    all.sort((a, b) => b.for_millis - a.for_millis);
    rows.update(all, (wait) =>
      `${wait.info_hash} ${wait.file_index} ${wait.offset} ${wait.ended_at}`);
    const counts = new Map();
    for (const { reason, count: number } of mounts.flatMap((mount) => mount.recent.failures)) {
      counts.set(reason, (counts.get(reason) ?? 0) + number);
    }
    const parts = [...counts].filter(([, number]) => number > 0).sort((a, b) => b[1] - a[1])
      .map(([reason, number]) => `${count(number)} ${words(reason)}`);
    text(failed, parts.join(" · ") || "none");
    set(failed, "class", parts.length > 0 ? "failures note bad" : "failures note");
  };
  return { node, update };
}

function frontRow() {
  const sign = h("span", { class: "sign" });
  const title = name("", { class: "name" });
  const facts = h("div", { class: "dim facts" });
  const trouble = h("div", { class: "bad facts" });
  const node = h("li", { class: "server-row" }, sign, title, facts, trouble);
  const update = (front) => {
    set(sign, "class", `sign ${front.trouble ? "down" : "up"}`);
    text(title, front.url ?? front.kind);
    const parts = [front.kind, counted(front.connections, "connection"), size(front.sent_bytes)];
    if (front.refused > 0) parts.push(`${count(front.refused)} refused`);
    if (front.shownMount) parts.unshift(front.shownMount);
    text(facts, parts.join(" · "));
    text(trouble, front.trouble ?? "");
    show(trouble, Boolean(front.trouble));
  };
  return { node, update };
}

/** WebDAV, NFS and DLNA servers; hidden without one. */
export function fronts() {
  const rows = list("None.", frontRow);
  const { node } = panel("fronts", "Served at", rows.node);
  const update = (mounts) => {
    const all = withMount(mounts, (mount) => mount.fronts ?? []);
    rows.update(all, (front) => `${front.mountpoint}\n${front.kind}\n${front.url ?? front.name}`);
    show(node, all.length > 0);
  };
  return { node, update };
}

function downloadRow() {
  const [bytes, program, files] = [h("span", { class: "number" }), name(""), h("span", { class: "dim" })];
  const update = (download) => {
    text(bytes, size(download.day_bytes));
    text(program, download.program);
    set(program, "title", `${download.program}: ${size(download.bytes)} since the start`);
    text(files, counted(download.day_files, "file"));
  };
  return { node: h("li", { class: "wait-row" }, bytes, program, files), update };
}

/** What was downloaded for each program, and the programs that get no missing data. */
export function downloads() {
  const rows = list("Nothing was downloaded for a program.", downloadRow);
  const refused = h("p", { class: "dim" });
  const { node } = panel("downloads", "Downloaded by program (24 h)", rows.node, refused);
  const update = (mounts) => {
    const all = withMount(mounts, (mount) => mount.programs?.downloads ?? [])
      .filter((download) => download.day_bytes > 0);
    all.sort((a, b) => b.day_bytes - a.day_bytes);
    rows.update(all, (download) => `${download.mountpoint}\n${download.program}`);
    const none = withMount(mounts, (mount) => mount.programs?.refused ?? []);
    const parts = none.slice(0, 5).map((it) => `${it.program} (${counted(it.reads, "read")})`);
    text(refused, parts.length > 0 ? `Missing data refused: ${parts.join(", ")}` : "");
    show(refused, parts.length > 0);
    show(node, all.length + parts.length > 0);
  };
  return { node, update };
}

/** Programs that open many files for a moment. */
export function scans() {
  const node = h("ul", { class: "scans" });
  const row = () => {
    const [program, rate] = [name(""), h("span")];
    const update = (scan) => {
      text(rate, `scan: ${counted(scan.files_per_minute, "file")} a minute by `);
      text(program, scan.pid === null ? scan.command : `${scan.command}[${scan.pid}]`);
    };
    return { node: h("li", {}, rate, program), update };
  };
  const update = (mounts) => {
    const all = withMount(mounts, (mount) => mount.recent.scans);
    keyed(node, all.slice(0, 4), (scan) => `${scan.mountpoint}\n${scan.command}`, row);
    show(node, all.length > 0);
  };
  return { node, update };
}

/** Says how long the oldest of some mounts is there. */
export const uptime = (mounts) =>
  mounts.length === 0 ? "" : `up ${duration(Math.max(...mounts.map((mount) => mount.uptime_seconds)))}`;
