// The tree of a torrent's files: folders that open, sizes, what is there, check boxes, piece maps.

import { bar, button, h, name, set, show, text, unseen } from "./dom.js";
import { fileActions } from "./fileactions.js";
import { count, counted, percent, share, size } from "./format.js";
import { pieceMap } from "./map.js";
import { get } from "./net.js";
import { failed } from "./notices.js";

/** Entries of a folder that are drawn at each step. */
const ENTRIES_STEP = 200;
/** Trees up to this size are open at first. */
const OPEN_MAX = 60;
/** Buckets of a map; tfs sends at most 512. */
const BUCKETS = 400;
/** A map that is shown is fetched anew after this time. */
const MAP_INTERVAL_MS = 3000;

/** Returns a folder with its folders and files, by the paths of the files. */
function grow(files) {
  const root = { name: "", folders: new Map(), files: [], all: [] };
  for (const file of files) {
    const parts = file.path.split("/");
    let folder = root;
    folder.all.push(file.file_index);
    for (const part of parts.slice(0, -1)) {
      if (!folder.folders.has(part)) {
        folder.folders.set(part, { name: part, folders: new Map(), files: [], all: [] });
      }
      folder = folder.folders.get(part);
      folder.all.push(file.file_index);
    }
    folder.files.push({ ...file, name: parts.at(-1) });
  }
  return root;
}

/** Returns the element of a tree. `control` says whether files can be selected. */
export function tree(torrent, { control, pointed, onSelect }) {
  const byIndex = new Map(torrent.files.map((file) => [file.file_index, file]));
  const chosen = new Map(torrent.files.map((file) => [file.file_index, file.selected]));
  const updates = new Set();
  const timers = new Set();
  const root = grow(torrent.files);
  const isSmall = torrent.files.length <= OPEN_MAX;
  const isPointed = (folder) => pointed !== null && folder.all.includes(pointed);

  /** Returns a check box for some files; a folder may be checked in part. */
  function checkBox(indexes, label) {
    const box = h("input", { type: "checkbox", "aria-label": `Select ${label}` });
    box.addEventListener("change", () => {
      for (const index of indexes) chosen.set(index, box.checked);
      refresh();
      onSelect(chosen);
    });
    updates.add(() => {
      const checked = indexes.reduce((sum, index) => sum + (chosen.get(index) ? 1 : 0), 0);
      box.checked = checked === indexes.length;
      box.indeterminate = checked > 0 && checked < indexes.length;
    });
    return box;
  }

  /** Says whether a file is selected, where it cannot be changed. */
  function selectedSign(index) {
    const [sign, words] = [h("span", { "aria-hidden": "true" }), unseen("")];
    const node = h("span", { class: "dim selected-sign" }, sign, words);
    updates.add(() => {
      const label = { true: "selected", false: "not selected" }[chosen.get(index)] ?? "";
      text(sign, { selected: "✓", "not selected": "–" }[label] ?? "");
      text(words, label);
      set(node, "title", label || null);
    });
    return node;
  }

  function numbers(indexes) {
    const [length, part, progress] = [h("span", { class: "number" }), h("span", { class: "number" }),
      bar()];
    updates.add(() => {
      let [all, have] = [0, 0];
      for (const index of indexes) {
        all += byIndex.get(index).size_bytes;
        have += byIndex.get(index).have_bytes;
      }
      text(length, size(all));
      text(part, percent(have, all));
      progress.set(share(have, all));
    });
    return h("span", { class: "amount" }, length, part, progress.node);
  }

  function mapOf(place, shown) {
    const map = pieceMap();
    let timer = 0;
    const load = async () => {
      timers.delete(timer);
      if (map.node.hidden || !map.node.isConnected) return;
      try {
        const { mountpoint, info_hash, file_index } = place;
        map.update(await get("/api/pieces", { mountpoint, info_hash, file_index, buckets: BUCKETS }));
        timer = setTimeout(load, MAP_INTERVAL_MS);
        timers.add(timer);
      } catch (error) {
        failed(`The piece map of ${byIndex.get(place.file_index).path} failed: ${error.message}`);
      }
    };
    const toggle = () => {
      const next = map.node.hasAttribute("hidden");
      set(map.node, "hidden", !next);
      map.node.hidden = !next;
      set(press, "aria-expanded", String(next));
      if (next) load();
    };
    const press = button(["Map", unseen(` of ${byIndex.get(place.file_index).path}`)], toggle, { "aria-expanded": "false" });
    set(map.node, "hidden", true);
    map.node.hidden = true;
    if (shown) queueMicrotask(toggle);
    return { press, node: map.node };
  }

  function fileRow(file) {
    const place = { mountpoint: torrent.mountpoint, info_hash: torrent.info_hash,
      file_index: file.file_index };
    const map = mapOf(place, pointed === file.file_index);
    const box = control ? checkBox([file.file_index], file.path) : selectedSign(file.file_index);
    const actions = file.mount_path === null
      ? h("span", { class: "dim" }, "not shown in the mount") : fileActions(place, file.path);
    const row = h("div", { class: "entry file" }, box,
      name(file.name, { class: "name", title: file.path }), numbers([file.file_index]), actions,
      map.press);
    const node = h("li", { class: pointed === file.file_index ? "pointed" : null }, row, map.node);
    return node;
  }

  function folderRow(folder) {
    const list = h("ul", { hidden: true });
    let filled = false;
    const press = h("button", { type: "button", class: "fold", "aria-expanded": "false" },
      name(folder.name, { class: "name" }), h("span", { class: "dim" },
        ` ${counted(folder.all.length, "file")}`));
    const turn = () => {
      const opens = list.hidden;
      if (opens && !filled) fill(list, folder);
      filled = true;
      show(list, opens);
      set(press, "aria-expanded", String(opens));
      if (opens) refresh();
    };
    press.addEventListener("click", turn);
    if (isSmall || isPointed(folder)) turn();
    const box = control && checkBox(folder.all, folder.name);
    return h("li", {}, h("div", { class: "entry folder" }, box || h("span"), press,
      numbers(folder.all)), list);
  }

  function fill(list, folder) {
    const entries = [...[...folder.folders.values()].map((inner) => () => folderRow(inner)),
      ...folder.files.map((file) => () => fileRow(file))];
    let next = 0;
    const more = h("li", {}, button("", () => step()));
    function step(length = ENTRIES_STEP) {
      more.remove();
      const end = Math.min(entries.length, next + length);
      while (next < end) list.append(entries[next++]());
      if (next === entries.length) return;
      const left = Math.min(ENTRIES_STEP, entries.length - next);
      text(more.firstChild, `Show ${count(left)} more of ${count(entries.length - next)}`);
      list.append(more);
      refresh();
    }
    const index = folder.files.findIndex((file) => file.file_index === pointed);
    step(Math.max(ENTRIES_STEP, index < 0 ? 0 : folder.folders.size + index + 1));
  }

  const refresh = () => updates.forEach((update) => update());
  const node = h("ul", { class: "tree", "aria-label": "Files" });
  fill(node, root);
  refresh();
  return {
    node,
    /** Takes new figures of the same files; a selection that is being made stays. */
    update(next, keepSelection) {
      for (const file of next.files) {
        const known = byIndex.get(file.file_index);
        if (known) Object.assign(known, file);
        if (!keepSelection) chosen.set(file.file_index, file.selected);
      }
      refresh();
    },
    /** Selects all files or none. */
    selectAll(selected) {
      for (const index of chosen.keys()) chosen.set(index, selected);
      refresh();
      onSelect(chosen);
    },
    end: () => timers.forEach(clearTimeout),
  };
}
