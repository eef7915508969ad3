// The first view: what happens now.

import { h, show, text } from "./dom.js";
import { speed } from "./format.js";
import { legend } from "./map.js";
import { downloads, fronts, leftOut, memory, panel, preloads, scans, servers, waits }
  from "./panels.js";
import { plot } from "./plot.js";
import { readers } from "./readers.js";
import { shownMounts, store } from "./store.js";

/** Returns the view, and its update. */
export function nowView() {
  const table = readers();
  const scanned = scans();
  const chart = plot();
  const signs = legend();
  const reading = panel("reading", "Now reading", table.node, scanned.node, signs);
  const drawn = panel("minutes", "Last ten minutes", chart.node);
  const others = [servers(), fronts(), memory(), downloads(), preloads(), waits()];
  const left = leftOut();
  const node = h("div", { class: "now" },
    h("h1", { class: "unseen", tabindex: "-1" }, "What happens now"),
    h("div", { class: "wide" }, reading.node, drawn.node, left.node),
    h("div", { class: "side" }, ...others.map((other) => other.node)));
  const update = () => {
    const mounts = shownMounts();
    const total = (field) => mounts.reduce((sum, mount) => sum + mount.recent[field], 0);
    const count = mounts.reduce((sum, mount) => sum + mount.readers.length, 0);
    text(reading.heading, count > 0 ? `Now reading (${count})` : "Now reading");
    text(reading.note, `given ${speed(total("given_bps"))} · fetched ${speed(total("fetched_bps"))}`);
    show(signs, table.update(mounts, store.overview.maps));
    scanned.update(mounts);
    text(drawn.note, store.overview.mounts.length > 1 ? "all mounts" : "");
    chart.update(store.history);
    for (const other of [...others, left]) other.update(mounts);
  };
  return { node, title: "Now", update };
}
