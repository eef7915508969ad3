// The plot of the last ten minutes: an area for what servers sent, a line for what readers got, a
// dashed line for what came from this machine's disk; marks below for waits and failures.

import { h, s, set, show, text } from "./dom.js";
import { counted, size, speed } from "./format.js";
import { SERIES } from "./store.js";

const SAMPLES = 600;
const HEIGHT = 100;

/** The smallest 1, 2 or 5 times a power of 1024 or 10 that is above all values. */
function top(values) {
  const most = Math.max(1024, ...values);
  let unit = 1024;
  while (unit * 1024 <= most) unit *= 1024;
  for (const step of [1, 2, 5, 10, 20, 50, 100, 200, 500, 1024]) {
    if (step * unit >= most) return step * unit;
  }
  return most;
}

/** Returns the points of a series, right-aligned: the newest is now. */
function points(values, max) {
  const first = SAMPLES - values.length;
  return values.map((value, index) =>
    `${first + index} ${(HEIGHT - (value * HEIGHT) / max).toFixed(1)}`);
}

const line = (values, max) => (values.length > 1 ? `M${points(values, max).join("L")}` : "");

function area(values, max) {
  if (values.length < 2) return "";
  const first = SAMPLES - values.length;
  return `M${first} ${HEIGHT}L${points(values, max).join("L")}L${SAMPLES - 1} ${HEIGHT}z`;
}

/** Returns ticks where a series is above zero. */
function ticks(values) {
  const first = SAMPLES - values.length;
  let path = "";
  values.forEach((value, index) => {
    if (value > 0) path += `M${first + index} 0v4`;
  });
  return path;
}

/** Returns the element of the plot, and its update. */
export function plot() {
  const path = (kind) => s("path", { class: kind, "vector-effect": "non-scaling-stroke" });
  const [fetched, given, local] = [path("fetched"), path("given"), path("local")];
  const [waiting, failures] = [path("waiting"), path("failures")];
  const cursor = s("line", { class: "cursor", y1: "0", y2: HEIGHT, x1: "-9", x2: "-9",
    "vector-effect": "non-scaling-stroke" });
  const grid = [0, 50].map((y) => s("line", { class: "grid", x1: "0", x2: SAMPLES, y1: y, y2: y,
    "vector-effect": "non-scaling-stroke" }));
  const fit = { preserveAspectRatio: "none", "aria-hidden": "true" };
  const chart = s("svg", { ...fit, class: "chart", viewBox: `0 0 ${SAMPLES - 1} ${HEIGHT}` },
    ...grid, fetched, given, local, cursor);
  const marks = s("svg", { ...fit, class: "marks", viewBox: `0 0 ${SAMPLES - 1} 4` },
    waiting, failures);
  const [high, middle] = [h("span"), h("span")];
  const readout = h("p", { class: "readout" });
  const summary = h("p", { class: "unseen" });
  const key = (kind, label) => h("span", { class: `key ${kind}` }, label);
  const localKey = key("local", "local disk");
  const node = h("div", { class: "plot" },
    h("div", { class: "scale", "aria-hidden": "true" }, high, middle, h("span", {}, "0")),
    h("div", { class: "field" }, chart, marks),
    h("div", { class: "times", "aria-hidden": "true" },
      h("span", {}, "10 min ago"), h("span", {}, "5 min"), h("span", {}, "now")),
    h("p", { class: "keys" }, key("given", "given to readers"), key("fetched", "fetched"), localKey,
      key("waiting", "waits"), key("failures", "failures")),
    readout, summary);
  const idle = h("p", { class: "none", hidden: true }, "Nothing was read in the last ten minutes.");
  const frame = h("div", {}, idle, node);
  let latest = null;
  let pointed = null;
  const point = () => {
    const index = pointed === null ? -1 : pointed - (SAMPLES - latest.given_bps.length);
    set(cursor, "x1", index < 0 ? -9 : pointed);
    set(cursor, "x2", index < 0 ? -9 : pointed);
    show(readout, index >= 0);
    if (index < 0) return;
    const ago = latest.given_bps.length - 1 - index;
    const when = ago === 0 ? "now" : `${Math.floor(ago / 60)}:${String(ago % 60).padStart(2, "0")} ago`;
    const { waiting: waits } = latest;
    const parts = [when, `given ${speed(latest.given_bps[index])}`,
      `fetched ${speed(latest.fetched_bps[index])}`];
    if (latest.local_bps[index] > 0) parts.push(`local ${speed(latest.local_bps[index])}`);
    if (waits[index] > 0) parts.push(counted(waits[index], "wait"));
    if (latest.failures[index] > 0) parts.push(counted(latest.failures[index], "failure"));
    text(readout, parts.join(" · "));
  };
  chart.addEventListener("pointermove", (event) => {
    const box = chart.getBoundingClientRect();
    const part = (event.clientX - box.left) / box.width;
    pointed = Math.min(SAMPLES - 1, Math.max(0, Math.round(part * (SAMPLES - 1))));
    if (latest) point();
  });
  chart.addEventListener("pointerleave", () => {
    pointed = null;
    if (latest) point();
  });
  const update = (history) => {
    latest = history;
    const isIdle = SERIES.every((series) => history[series].every((value) => value === 0));
    show(idle, isIdle);
    show(node, !isIdle);
    const max = top([...history.given_bps, ...history.fetched_bps]);
    set(fetched, "d", area(history.fetched_bps, max));
    set(given, "d", line(history.given_bps, max));
    const hasLocal = history.local_bps.some((value) => value > 0);
    set(local, "d", hasLocal ? line(history.local_bps, max) : "");
    show(localKey, hasLocal);
    set(waiting, "d", ticks(history.waiting));
    set(failures, "d", ticks(history.failures));
    text(high, `${size(max).replace(".0", "")}/s`);
    text(middle, `${size(max / 2).replace(".0", "")}/s`);
    const most = (values) => speed(Math.max(0, ...values));
    text(summary, `Highest in ten minutes: given ${most(history.given_bps)}, ` +
      `fetched ${most(history.fetched_bps)}.`);
    point();
  };
  return { node: frame, update };
}
