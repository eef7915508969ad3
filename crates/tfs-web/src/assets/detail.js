// The view of one torrent: its figures, its files, and what can be done with it.

import { bar, button, h, name, set, show, text } from "./dom.js";
import { confirm, isMedia, typeName } from "./dialogs.js";
import { counted, percent, rough, share, size, sizeOf, speed } from "./format.js";
import { act, get, listUrl } from "./net.js";
import { attempt } from "./notices.js";
import { store } from "./store.js";
import { signOf, stateOf } from "./states.js";
import { selectedText, toggle, toggleLabel } from "./torrents.js";
import { tree } from "./tree.js";

/** Time between two looks, and what each file adds: a large torrent is a large answer. */
const INTERVAL_MS = 3000;
const INTERVAL_PER_FILE_MS = 2;

/** Returns the view, and its update. `pointed` is the index of a file to show, or null. */
export function detailView(place, pointed) {
  let torrent = null;
  let files = null;
  let selection = null;
  let timer = 0;
  let ended = false;
  const title = name("");
  const heading = h("h1", { tabindex: "-1" }, title);
  const why = h("p", { class: "bad", hidden: true });
  const progress = bar("wide-bar");
  const facts = h("dl", { class: "facts" });
  const fact = (label) => {
    const value = h("dd");
    facts.append(h("div", {}, h("dt", {}, label), value));
    return value;
  };
  const [state, there, rate, left, peers, selected, servers, tags] =
    ["State", "There", "Speed", "Left", "Peers", "Selected", "Server", "Tags"].map(fact);
  const hash = h("code", { class: "hash" }, place.info_hash);
  const press = button("", async () => {
    if (await toggle(torrent)) load();
  });
  const forget = button("Forget…", async () => {
    const label = torrent.name ?? torrent.info_hash;
    const sure = await confirm("Forget the torrent?", h("p", {}, name(label),
      " is removed from its servers. Its files stay on their disks."), "Forget");
    if (sure && await attempt(`Forgetting ${label}`, () => act(place, { action: "forget" }),
      `${label} is forgotten.`)) location.hash = "#/torrents";
  });
  const remove = button("Delete…", async () => {
    const label = torrent.name;
    const typed = await typeName("Delete the torrent and its files?", h("p", {},
      "The torrent is removed from its servers, and its files are deleted from their disks. " +
      "This cannot be undone."), label, "Delete");
    if (typed !== null && await attempt(`Deleting ${label}`,
      () => act(place, { action: "delete", name: typed }), `${label} is deleted.`)) {
      location.hash = "#/torrents";
    }
  }, { class: "danger" });
  const controls = h("span", { class: "controls" }, press, forget, remove);
  const chosenText = h("span");
  const save = button("Save the selection", async () => {
    const indexes = [...selection].filter(([, on]) => on).map(([index]) => index);
    if (indexes.length === 0 && !await confirm("Select no file?", h("p", {},
      "Nothing of the torrent is downloaded then. What is there stays."), "Select none")) return;
    if (await attempt("Selecting files", () => act(place, { action: "select", files: indexes }),
      `${counted(indexes.length, "file")} selected.`)) {
      selection = null;
      load();
    }
  }, { class: "main" });
  const discard = button("Discard", () => {
    selection = null;
    files.update(torrent, false);
    showSelection();
  });
  const pending = h("p", { class: "pending", role: "status" }, chosenText, " ", save, " ", discard);
  const choices = h("span", { class: "controls" },
    button("Select all", () => files?.selectAll(true)),
    button("Select none", () => files?.selectAll(false)));
  const filesPlace = h("div");
  const list = h("a", { class: "button", href: listUrl(place), download: "", hidden: true,
    title: "Playlist of the videos and the music for a player" }, "m3u of videos and music");
  const node = h("div", { class: "detail" },
    h("p", { class: "back" }, h("a", { href: "#/torrents" }, "← Torrents")),
    h("div", { class: "view-head" }, heading, h("div", { class: "tools" }, controls,
      list)),
    why, progress.node, facts, hash,
    h("div", { class: "view-head" }, h("h2", {}, "Files"), choices), pending, filesPlace);

  function showSelection() {
    show(pending, selection !== null);
    if (selection === null) return;
    const on = torrent.files.filter((file) => selection.get(file.file_index));
    const bytes = on.reduce((sum, file) => sum + file.size_bytes, 0);
    text(chosenText, `${on.length} of ${counted(torrent.files.length, "file")} chosen, ${size(bytes)}.`);
  }

  function showFacts() {
    const label = torrent.name ?? torrent.info_hash;
    text(title, label);
    document.title = `${label} – tfs`;
    show(why, Boolean(torrent.error));
    text(why, torrent.error ?? "");
    progress.set(share(torrent.there_bytes, torrent.size_bytes ?? torrent.total_bytes));
    const word = stateOf(torrent);
    text(state, `${signOf(word)} ${word}`);
    set(state, "class", `state ${word}`);
    // tfs puts the selected files of these kinds into the playlist.
    show(list, torrent.files.some((file) => isMedia(file.path) && file.selected !== false));
    const whole = torrent.size_bytes ?? torrent.total_bytes;
    text(there, `${sizeOf(torrent.there_bytes, whole)} (${percent(torrent.there_bytes, whole)})`);
    text(rate, `↓ ${speed(torrent.download_bps)} ↑ ${speed(torrent.upload_bps)}`);
    text(left, torrent.finished ? "done" :
      torrent.eta_seconds === null ? "–" : rough(torrent.eta_seconds));
    text(peers, torrent.peers);
    text(selected, selectedText(torrent));
    text(servers, torrent.servers.join(", ") || "–");
    text(tags, torrent.tags.join(", ") || "–");
    text(press, toggleLabel(torrent));
    remove.disabled = torrent.name === null;
  }

  function showControls() {
    const can = store.overview.control && torrent !== null;
    show(controls, can);
    show(choices, can);
  }

  async function load() {
    clearTimeout(timer);
    try {
      const { mountpoint } = place;
      const next = await get(`/api/torrents/${place.info_hash}`, { mountpoint });
      if (ended) return;
      const isSame = torrent !== null && torrent.files.length === next.files.length;
      torrent = { ...next, mountpoint };
      showFacts();
      showControls();
      if (isSame) files.update(next, selection !== null);
      else {
        files?.end();
        files = tree(torrent, { control: store.overview.control, pointed, onSelect: (chosen) => {
          selection = new Map(chosen);
          showSelection();
        } });
        filesPlace.replaceChildren(files.node);
        filesPlace.querySelector(".pointed")?.scrollIntoView({ block: "center" });
      }
      showSelection();
    } catch (error) {
      if (ended) return;
      show(why, true);
      text(why, error.message);
      if (torrent === null) text(title, place.info_hash);
    }
    const pause = INTERVAL_MS + (torrent?.files.length ?? 0) * INTERVAL_PER_FILE_MS;
    timer = setTimeout(() => (document.hidden ? null : load()), pause);
  }

  const onShown = () => !document.hidden && load();
  document.addEventListener("visibilitychange", onShown);
  show(pending, false);
  load();
  return {
    node,
    title: "Torrent",
    update: showControls,
    end() {
      ended = true;
      clearTimeout(timer);
      files?.end();
      document.removeEventListener("visibilitychange", onShown);
    },
  };
}
