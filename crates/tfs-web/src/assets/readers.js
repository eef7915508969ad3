// What is read at the moment: a group of rows for each file, with its piece map.

import { h, keyed, name, set, show, text } from "./dom.js";
import { duration, percent, speed, splitPath } from "./format.js";
import { pieceMap } from "./map.js";
import { serversOf } from "./servers.js";

/** Readers that are shown; those that wait first. */
const READERS_MAX = 40;
/** Shorter waits have no line of their own: rows would jump. */
const WAIT_MIN_MS = 1000;

const WAYS = { http: "http", local: "local disk", passthrough: "passthrough" };

/** Says where a torrent is shown. */
export const torrentHash = (place) => {
  const file = place.file_index === undefined ? "" : `&file=${place.file_index}`;
  const mount = place.mountpoint ? `mount=${encodeURIComponent(place.mountpoint)}` : "";
  return `#/torrent/${place.info_hash}?${mount}${file}`;
};

const fileKey = (item) => `${item.mountpoint}\n${item.info_hash}\n${item.file_index}`;

/** Names of browsers in their User-Agent; those that name another one, too, come first. */
const BROWSERS = ["Edg/", "OPR/", "Firefox/", "Chrome/", "Safari/"];

/** Returns the product that a client names. */
function product(agent) {
  const words = agent.split(/\s+/);
  if (!agent.startsWith("Mozilla/")) return words[0];
  const known = BROWSERS.map((browser) => words.find((word) => word.startsWith(browser)));
  return known.find(Boolean) ?? "browser";
}

/** Says who reads: a program of this machine, or a client on the network. */
function who({ command, pid, front, peer, agent }) {
  if (front) {
    const [, device, rest] = /^device ([^,]*)(?:, (.*))?$/.exec(agent ?? "") ?? [];
    return [peer, device, product(rest ?? (device ? "" : agent ?? ""))].filter(Boolean).join(" ");
  }
  return typeof pid === "number" ? `${command ?? "process"}[${pid}]` : command ?? "unknown program";
}

/** Says what a reader waits for. */
function waitText({ for_millis: since, piece, peers, left_millis: left }) {
  const parts = [`waits ${duration(since / 1000)}${piece === null ? "" : ` for piece ${piece}`}`];
  if (peers !== null && peers !== undefined) {
    parts.push(peers === 0 ? "no peer connected" :
      peers === 1 ? "1 peer connected" : `${peers} peers connected`);
  }
  if (left !== null && left !== undefined) parts.push(`about ${duration(left / 1000)} left`);
  return parts.join(" · ");
}

/** Returns files with their readers, in the order in which they were first seen. */
const seen = new Map();
let sights = 0;

function grouped(mounts, maps) {
  const all = mounts.flatMap((mount) => mount.readers.map((reader) => ({
    ...reader,
    mountpoint: mount.mountpoint,
    shownMount: mounts.length > 1 ? mount.mountpoint : "",
    // A mount with one server needs no word on which server it is.
    server: reader.server ?? (mount.servers.length === 1 ? mount.servers[0].name : null),
  })));
  const files = new Map();
  for (const reader of all.slice(0, READERS_MAX)) {
    const key = fileKey(reader);
    if (!files.has(key)) files.set(key, { key, place: reader, readers: [], map: null });
    files.get(key).readers.push(reader);
    if (!seen.has(key)) seen.set(key, (sights += 1));
  }
  for (const key of seen.keys()) if (!files.has(key)) seen.delete(key);
  for (const map of maps) {
    const file = files.get(fileKey(map));
    if (file) file.map = map.map;
  }
  const list = [...files.values()].sort((a, b) => seen.get(a.key) - seen.get(b.key));
  for (const file of list) file.readers.sort((a, b) => (a.pid ?? 0) - (b.pid ?? 0));
  return { files: list, more: Math.max(0, all.length - READERS_MAX) };
}

function readerRow() {
  const cell = (kind, ...content) => h("td", { role: "cell", class: kind }, ...content);
  const [program, rate, place, way, server] = ["bdi", "span", "span", "span", "bdi"].map((tag) =>
    h(tag));
  const title = h("td", { role: "cell", class: "file" });
  const node = h("tr", { role: "row" }, title, cell("who", program), cell("rate", rate),
    cell("place number", place), cell("way", way), cell("server", server));
  const wait = h("td", { role: "cell", colspan: "6" });
  const waitRow = h("tr", { role: "row", class: "wait-text" }, wait);
  const update = (reader) => {
    text(program, who(reader));
    set(program, "title", who(reader));
    const isLong = reader.waits?.for_millis >= WAIT_MIN_MS;
    text(rate, speed(isLong ? 0 : reader.bytes_per_second));
    set(node, "class", isLong ? "waits" : null);
    show(waitRow, isLong);
    if (isLong) text(wait, waitText(reader.waits));
    // The kernel reads such a file itself: neither speed nor place are known.
    const isUnseen = reader.way === "passthrough" && reader.bytes_per_second === 0;
    text(place, isUnseen ? "–" : percent(reader.offset, reader.file_bytes));
    text(way, WAYS[reader.way] ?? "unknown");
    set(way, "title", isUnseen ? "read by the kernel itself, so speed and place are unknown" : null);
    text(server, reader.server ?? "–");
  };
  return { node, waitRow, title, update };
}

function fileGroup() {
  const link = h("a", { class: "name" });
  const dir = name("", { class: "dir" });
  const title = h("span", { class: "title" }, link, " ", dir);
  const map = pieceMap();
  const mapRow = h("tr", { role: "row", class: "map-row" },
    h("td", { role: "cell", colspan: "6" }, map.node));
  const node = h("tbody", { role: "rowgroup" });
  const rows = h("tbody");
  const update = ({ place, readers, map: found }) => {
    const [before, last] = splitPath(place.path ?? "a removed torrent");
    const bdi = link.firstChild ?? link.appendChild(name(""));
    text(bdi, last);
    text(dir, [place.shownMount, before.replace(/\/$/, "")].filter(Boolean).join("/"));
    set(title, "title", place.path);
    set(link, "href", place.path === null ? null : torrentHash(place));
    const current = keyed(rows, readers, (reader) => `${reader.pid}`, readerRow);
    const list = [...current.values()];
    list.forEach((row, index) => {
      if (index === 0 && title.parentNode !== row.title) row.title.append(title);
      if (index > 0) text(row.title, "");
    });
    const wanted = [...list.flatMap((row) => [row.node, row.waitRow]), mapRow];
    wanted.forEach((row, index) => {
      if (node.children[index] !== row) node.insertBefore(row, node.children[index] ?? null);
    });
    while (node.children.length > wanted.length) node.lastChild.remove();
    show(mapRow, found !== null);
    if (found) map.update(found);
  };
  return { node, update };
}

/** Returns the table of readers, and its update, which returns whether it shows a piece map. */
export function readers() {
  const head = ["File", "Program", "Speed", "At", "Way", "Server"].map((label) =>
    h("th", { role: "columnheader", scope: "col", class: label.toLowerCase() }, label));
  const table = h("table", { role: "table", class: "readers", "aria-label": "Files that are read" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...head)));
  const none = h("p", { class: "none" }, "Nothing is being read.");
  const rest = h("p", { class: "dim" });
  const node = h("div", {}, table, none, rest);
  // Groups follow the head.
  const groups = new Map();
  const update = (mounts, maps) => {
    const { files, more } = grouped(mounts, maps);
    const keys = new Set(files.map((file) => file.key));
    for (const [key, group] of groups) {
      if (!keys.has(key)) {
        group.node.remove();
        groups.delete(key);
      }
    }
    files.forEach((file, index) => {
      if (!groups.has(file.key)) groups.set(file.key, fileGroup());
      const group = groups.get(file.key);
      group.update(file);
      const place = table.children[index + 1] ?? null;
      if (place !== group.node) table.insertBefore(group.node, place);
    });
    const isNamed = files.some((file) => file.readers.some((reader) => reader.server !== null));
    table.classList.toggle("no-server", !isNamed || serversOf(mounts).length < 2);
    show(table, files.length > 0);
    show(none, files.length === 0);
    show(rest, more > 0);
    text(rest, `and ${more} more`);
    return files.some((file) => file.map !== null);
  };
  return { node, update };
}
