// The piece map of a file. What is there is drawn by height, so that it needs no colour: full bars
// are there, low ones in part, a line is missing; hatched is wanted, and triangles are readers.

import { h, s, set } from "./dom.js";
import { counted } from "./format.js";

/** Height of a full bar; `have` has digits up to 9. */
const FULL = 9;
/** What is wanted is at least this share of the width, to be seen. */
const WANTED_SHARE_MIN = 0.008;

/** Returns the outlines of full and of partial bars. Neighbours of one height are one bar. */
function outlines(have) {
  let [full, part, unknown] = ["", "", ""];
  for (let start = 0; start < have.length; ) {
    const digit = have[start];
    let end = start + 1;
    while (end < have.length && have[end] === digit) end += 1;
    const width = end - start;
    if (digit === "?") unknown += `M${start} 4h${width}v1h-${width}z`;
    else if (digit === "9") full += `M${start} 0h${width}v${FULL}h-${width}z`;
    else if (digit !== "0") part += `M${start} ${FULL - digit}h${width}v${digit}h-${width}z`;
    start = end;
  }
  return { full, part, unknown };
}

const at = (bucket, buckets) => Math.floor((bucket * 100) / Math.max(1, buckets));

/** Returns a map as a sentence. */
export function describe(map) {
  const buckets = map.have.length;
  if (buckets === 0) return "Piece map: unknown";
  let there = 0;
  for (const digit of map.have) there += digit === "?" ? 0 : Number(digit);
  const parts = [`${Math.floor((there * 100) / (buckets * FULL))}% is there`];
  if (map.have.includes("?")) parts.push("a part is unknown");
  if (map.readers.length > 0) {
    const places = map.readers.slice(0, 8).map((bucket) => `${at(bucket, buckets)}%`);
    parts.push(`${map.readers.length === 1 ? "a reader" : "readers"} at ${places.join(", ")}`);
  }
  if (map.wanted.length > 0) {
    const places = map.wanted.slice(0, 8).map(([first]) => `${at(first, buckets)}%`);
    parts.push(`waited for at ${places.join(", ")}`);
  }
  if (map.pieces > 0) parts.push(counted(map.pieces, "piece"));
  return `Piece map: ${parts.join("; ")}`;
}

/** Brings a list of SVG elements to a length. */
function sized(group, length, create) {
  while (group.childElementCount < length) group.append(create());
  while (group.childElementCount > length) group.lastChild.remove();
  return [...group.children];
}

/** Returns the element of a map, and its update. */
export function pieceMap() {
  const full = s("path", { class: "full" });
  const part = s("path", { class: "part" });
  const unknown = s("path", { class: "unknown" });
  const bars = s("svg", { preserveAspectRatio: "none", width: "100%", height: "14" },
    unknown, part, full);
  const wanted = s("g");
  const readers = s("g");
  const node = s("svg", { class: "map", role: "img", "aria-label": "Piece map: unknown",
    width: "100%", height: "22" },
    s("line", { class: "base", x1: "0", x2: "100%", y1: "14.5", y2: "14.5" }),
    bars, wanted, readers);
  const update = (map) => {
    const buckets = Math.max(1, map.have.length);
    const share = (bucket) => `${((bucket * 100) / buckets).toFixed(2)}%`;
    set(bars, "viewBox", `0 0 ${buckets} ${FULL}`);
    const found = outlines(map.have);
    set(full, "d", found.full);
    set(part, "d", found.part);
    set(unknown, "d", found.unknown);
    const create = () => s("rect", { class: "wanted", y: "0.5", height: "14", fill: "url(#hatch)" });
    sized(wanted, map.wanted.length, create).forEach((rect, index) => {
      const [first, last] = map.wanted[index];
      set(rect, "x", share(first));
      set(rect, "width", share(Math.max(last + 1 - first, buckets * WANTED_SHARE_MIN)));
    });
    const triangle = () => s("svg", { class: "reader", y: "15", width: "1", height: "7",
      overflow: "visible" }, s("path", { d: "M0 0l4.500 7h-9z" }));
    sized(readers, map.readers.length, triangle).forEach((mark, index) => {
      set(mark, "x", share(map.readers[index] + 0.5));
    });
    set(node, "aria-label", describe(map));
  };
  return { node, update };
}

/** Returns the pattern of what is wanted; once in a page. */
export const patterns = () =>
  s("svg", { class: "patterns", width: "0", height: "0", "aria-hidden": "true" },
    s("defs", {},
      s("pattern", { id: "hatch", width: "5", height: "5", patternUnits: "userSpaceOnUse",
        patternTransform: "rotate(45)" },
      s("rect", { class: "hatch-ground", width: "5", height: "5" }),
      s("line", { class: "hatch-line", x1: "1", x2: "1", y1: "0", y2: "5" }))));

/** Returns the legend of maps. */
export const legend = () => {
  const sample = (have, wanted, readers) => {
    const map = pieceMap();
    map.update({ have, wanted, readers, pieces: 0 });
    map.node.setAttribute("aria-hidden", "true");
    map.node.removeAttribute("role");
    map.node.removeAttribute("aria-label");
    return h("span", { class: "sample" }, map.node);
  };
  return h("p", { class: "legend" },
    sample("9", [], []), "there ", sample("4", [], []), "in part ", sample("0", [], []), "missing ",
    sample("0", [[0, 0]], []), "waited for ", sample("0", [], [0]), "reader");
};
