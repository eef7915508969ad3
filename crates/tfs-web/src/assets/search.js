// The search of names, in the header of all views.

import { h, keyed, name, set, show, text } from "./dom.js";
import { search } from "./dialogs.js";
import { fileActions } from "./fileactions.js";
import { counted, percent, size, splitPath } from "./format.js";
import { torrentHash } from "./readers.js";
import { store } from "./store.js";

const HITS_MAX = 50;
/** Time after the last key before tfs is asked. */
const PAUSE_MS = 200;

function hitRow(first) {
  const [dir, last] = splitPath(first.path);
  const figures = h("span", { class: "dim number" });
  const node = h("li", { class: "hit" },
    h("a", { class: "name", href: torrentHash(first), title: first.path }, name(last)),
    h("span", { class: "dim dir" }, name(dir.replace(/\/$/, ""))),
    figures, fileActions(first, first.path));
  const update = (hit) => text(figures, `${size(hit.size_bytes)} · ` +
    `${percent(hit.have_bytes, hit.size_bytes)} there`);
  return { node, update };
}

const hitKey = (hit) => `${hit.mountpoint}\n${hit.info_hash}\n${hit.file_index}\n${hit.path}`;

/** Returns the form and its results. */
export function searchBox() {
  const field = h("input", { type: "search", placeholder: "Search files", autocomplete: "off",
    spellcheck: "false", "aria-label": "Search files", "aria-controls": "hits" });
  const status = h("p", { class: "dim", role: "status" });
  const hits = h("ul", { class: "hits-list" });
  const panel = h("div", { id: "hits", class: "hits", role: "region",
    "aria-label": "Search results", hidden: true }, status, hits);
  const form = h("form", { role: "search", class: "search" }, field, panel);
  let timer = 0;
  let request = null;
  const close = () => {
    request?.abort();
    show(panel, false);
  };
  const run = async () => {
    clearTimeout(timer);
    request?.abort();
    const words = field.value.trim();
    if (words === "") return close();
    request = new AbortController();
    const { signal } = request;
    show(panel, true);
    try {
      const mountpoints = store.overview.mounts.map((mount) => mount.mountpoint);
      const found = await search(mountpoints, words, HITS_MAX, signal);
      keyed(hits, found.hits, hitKey, hitRow);
      text(status, found.hits.length === 0 ? "No file has these words in its name." :
        found.isCut ? `The first ${found.hits.length} files; more words find fewer.` :
          counted(found.hits.length, "file"));
    } catch (error) {
      if (error.name === "AbortError") return undefined;
      keyed(hits, [], hitKey, hitRow);
      text(status, `The search failed: ${error.message}`);
    }
    return undefined;
  };
  field.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(run, PAUSE_MS);
  });
  field.addEventListener("focus", () => field.value.trim() !== "" && panel.hidden && run());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    run();
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) {
      event.preventDefault();
      field.focus();
      close();
    } else if (event.key === "ArrowDown" && event.target === field) {
      event.preventDefault();
      hits.querySelector("a")?.focus();
    }
  });
  document.addEventListener("pointerdown", ({ target }) => {
    if (!form.contains(target) && !target.closest("dialog, #notices")) close();
  });
  form.addEventListener("focusout", (event) => {
    const { relatedTarget: next } = event;
    if (next && !form.contains(next) && !next.closest("dialog, #notices")) close();
  });
  addEventListener("hashchange", close);
  document.addEventListener("keydown", (event) => {
    const isTyping = event.target.closest("input, textarea, select, dialog");
    if (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      field.focus();
    }
  });
  set(field, "title", "Search files (/)");
  return form;
}
