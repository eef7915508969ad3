// The view of all torrents: a table that is sorted and filtered here.

import { bar, button, h, keyed, name, set, show, text } from "./dom.js";
import { count, counted, percent, rough, share, size, speed, splitPath } from "./format.js";
import { act, get } from "./net.js";
import { attempt } from "./notices.js";
import { torrentHash } from "./readers.js";
import { STATE_CHOICES, hasState, signOf, stateOf } from "./states.js";
import { shownMounts, store } from "./store.js";

/** Rows that are drawn at first, and at each step when the end comes into view. */
const ROWS_STEP = 150;
/** Time between lists; longer if a list takes long. */
const INTERVAL_MS = 4000;

const COLUMNS = [
  { id: "name", label: "Name", of: (torrent) => (torrent.name ?? torrent.info_hash).toLowerCase() },
  { id: "state", label: "State", of: stateOf },
  { id: "size", label: "Size", of: (torrent) => torrent.size_bytes ?? 0, descends: true },
  { id: "there", label: "There", of: (torrent) => share(torrent.have_bytes, torrent.total_bytes),
    descends: true },
  { id: "speed", label: "Speed", of: (torrent) => torrent.download_bps + torrent.upload_bps / 1e6,
    descends: true },
  { id: "eta", label: "Left", of: (torrent) => torrent.eta_seconds ?? Infinity },
  { id: "selected", label: "Selected", of: (torrent) => torrent.selected_bytes ?? 0,
    descends: true },
  { id: "tags", label: "Tags", of: (torrent) => torrent.tags.join(" ") },
  { id: "servers", label: "Server", of: (torrent) => torrent.servers.join(" ") },
  { id: "mount", label: "Mount", of: (torrent) => torrent.mountpoint },
];

/** Order, filter and scroll stay while other views are shown. */
const wanted = { column: "name", descends: false, words: "", state: "" };

/** Returns whether a torrent is shown: each word is in its name, tags, servers or hash. */
function matches(torrent, words, state) {
  return hasState(torrent, state) && words.every((word) => torrent.haystack.includes(word));
}

/** Returns what is there of the selected files as text. */
export const selectedText = (torrent) => (torrent.selected_bytes === null ? "unknown" :
  torrent.selected_bytes === torrent.size_bytes ? "all" :
    torrent.selected_bytes === 0 ? "nothing" : size(torrent.selected_bytes));

/** Pauses a torrent, or starts it. */
export const toggle = (torrent) => {
  const pauses = torrent.state !== "paused" && torrent.state !== "error";
  const label = torrent.name ?? torrent.info_hash;
  return attempt(pauses ? `Pausing ${label}` : `Starting ${label}`,
    () => act(torrent, { action: pauses ? "pause" : "start" }),
    pauses ? `${label} is paused.` : `${label} is started.`);
};

/** Says what the button of `toggle` does. */
export const toggleLabel = (torrent) =>
  (torrent.state === "paused" || torrent.state === "error" ? "Start" : "Pause");

function torrentRow(reload) {
  let current = null;
  const cells = Object.fromEntries(COLUMNS.map(({ id, label }) =>
    [id, h("td", { role: "cell", class: id, "data-label": label })]));
  const title = name("");
  const link = h("a", { class: "name" }, title);
  const error = h("span", { class: "bad error-text" });
  cells.name.append(link, error);
  const [sign, state] = [h("span", { class: "sign", "aria-hidden": "true" }), h("span")];
  cells.state.append(sign, " ", state);
  const progress = bar();
  const part = h("span", { class: "number" });
  cells.there.append(part, progress.node);
  const act = button("", async () => {
    if (await toggle(current)) reload();
  });
  const control = h("td", { role: "cell", class: "control" }, act);
  const node = h("tr", { role: "row" }, ...Object.values(cells), control);
  const update = (torrent) => {
    current = torrent;
    const label = torrent.name ?? torrent.info_hash;
    text(title, label);
    set(link, "title", label);
    set(link, "href", torrentHash({ ...torrent, file_index: undefined }));
    text(error, torrent.error ?? "");
    show(error, Boolean(torrent.error));
    const word = stateOf(torrent);
    text(sign, signOf(word));
    text(state, word);
    set(cells.state, "class", `state ${word}`);
    text(cells.size, torrent.size_bytes === null ? "–" : size(torrent.size_bytes));
    text(part, percent(torrent.have_bytes, torrent.total_bytes));
    progress.set(share(torrent.have_bytes, torrent.total_bytes));
    const rates = [torrent.download_bps > 0 && `↓ ${speed(torrent.download_bps)}`,
      torrent.upload_bps > 0 && `↑ ${speed(torrent.upload_bps)}`].filter(Boolean);
    text(cells.speed, rates.join("\n") || "–");
    text(cells.eta, torrent.finished ? "done" :
      torrent.eta_seconds === null ? "–" : rough(torrent.eta_seconds));
    text(cells.selected, selectedText(torrent));
    text(cells.tags, torrent.tags.join(", "));
    text(cells.servers, torrent.servers.join(", "));
    text(cells.mount, splitPath(torrent.mountpoint ?? "")[1]);
    set(cells.mount, "title", torrent.mountpoint);
    show(control, store.overview.control);
    text(act, toggleLabel(torrent));
    set(act, "aria-label", `${toggleLabel(torrent)} ${label}`);
  };
  return { node, update };
}

/** Returns the view, and its update. */
export function torrentsView() {
  let torrents = [];
  let drawn = ROWS_STEP;
  let timer = 0;
  let ended = false;
  let lists = "";
  const body = h("tbody", { role: "rowgroup" });
  const heads = COLUMNS.map((column) => {
    const sort = button(column.label, () => {
      const same = wanted.column === column.id;
      wanted.descends = same ? !wanted.descends : Boolean(column.descends);
      wanted.column = column.id;
      draw();
    });
    return h("th", { role: "columnheader", scope: "col", class: column.id }, sort);
  });
  const controlHead = h("th", { role: "columnheader", scope: "col", class: "control" },
    h("span", { class: "unseen" }, "Change"));
  const table = h("table", { role: "table", class: "torrents", "aria-label": "Torrents" },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads, controlHead)), body);
  const total = h("p", { class: "dim", role: "status" });
  const failures = h("ul", { class: "bad", hidden: true });
  const stale = h("p", { class: "stale-list", hidden: true });
  const filter = h("input", { type: "search", placeholder: "Filter by name, tag or server",
    "aria-label": "Filter torrents", spellcheck: "false" });
  filter.value = wanted.words;
  const states = h("select", { "aria-label": "State" },
    ...STATE_CHOICES.map(([value, label]) => h("option", { value }, label)));
  states.value = wanted.state;
  const orders = h("select", { "aria-label": "Order", class: "order" },
    ...COLUMNS.map(({ id, label }) => h("option", { value: id, class: id },
      `by ${label.toLowerCase()}`)));
  const more = h("p", { class: "dim more", "aria-hidden": "true" }, "…");

  function draw() {
    const words = wanted.words.toLowerCase().split(/\s+/).filter(Boolean);
    const found = torrents.filter((torrent) => matches(torrent, words, wanted.state));
    const { of } = COLUMNS.find((column) => column.id === wanted.column);
    const sign = wanted.descends ? -1 : 1;
    const keys = new Map(found.map((torrent) => [torrent, of(torrent)]));
    found.sort((a, b) => {
      const [left, right] = [keys.get(a), keys.get(b)];
      return (left < right ? -sign : left > right ? sign : 0) || a.order - b.order;
    });
    keyed(body, found.slice(0, drawn), (torrent) => `${torrent.mountpoint}\n${torrent.info_hash}`,
      () => torrentRow(load));
    show(more, found.length > drawn);
    set(table, "aria-rowcount", found.length + 1);
    heads.forEach((head, index) => set(head, "aria-sort", COLUMNS[index].id === wanted.column ?
      (wanted.descends ? "descending" : "ascending") : null));
    orders.value = wanted.column;
    text(total, found.length === torrents.length ? counted(torrents.length, "torrent") :
      `${count(found.length)} of ${counted(torrents.length, "torrent")}`);
  }

  async function load() {
    clearTimeout(timer);
    const start = performance.now();
    try {
      const mounts = shownMounts().map((mount) => mount.mountpoint);
      lists = mounts.join("\n");
      const answers = await Promise.all(mounts.map(async (mountpoint) =>
        ({ mountpoint, ...await get("/api/torrents", { mountpoint }) })));
      if (ended) return;
      torrents = answers.flatMap(({ mountpoint, torrents: listed }) => listed.map((torrent) => ({
        ...torrent, mountpoint,
        haystack: [torrent.name ?? "", torrent.info_hash, ...torrent.tags, ...torrent.servers]
          .join(" ").toLowerCase(),
      }))).map((torrent, order) => ({ ...torrent, order }));
      sayFailed(answers.flatMap((answer) => answer.failed));
      draw();
    } catch (error) {
      if (ended) return;
      // The header says that the connection is lost.
      sayFailed(store.link === "lost" ? [] : [{ server: "", error: error.message }]);
    }
    const pause = Math.max(INTERVAL_MS, 10 * (performance.now() - start));
    timer = setTimeout(() => (document.hidden ? null : load()), pause);
  }

  /** Says what failed: each reason once, and not if the header has it already. */
  function sayFailed(failed) {
    const mounts = shownMounts();
    const isDown = (called) => mounts.some((mount) => mount.servers.some((server) =>
      server.name === called && !server.reachable && store.link !== "lost"));
    const reasons = new Map();
    for (const { server, error } of failed) {
      if (!isDown(server)) reasons.set(error, (reasons.get(error) ?? new Set()).add(server));
    }
    failures.replaceChildren(...[...reasons].map(([error, servers]) => {
      const called = [...servers].filter((server) => server !== "").join(", ");
      return h("li", {}, name(called), `${called === "" ? "" : ": "}${error}`);
    }));
    show(failures, reasons.size > 0);
    const known = mounts.reduce((sum, mount) => sum + mount.tree.torrents, 0);
    const verb = mounts.length === 1 ? "the mount still shows" : "the mounts still show";
    show(stale, failed.some(({ server }) => server !== ""));
    text(stale, `The list comes from the servers; ${verb} ${counted(known, "torrent")} ` +
      "as last known.");
  }

  filter.addEventListener("input", () => {
    wanted.words = filter.value;
    drawn = ROWS_STEP;
    draw();
  });
  states.addEventListener("change", () => {
    wanted.state = states.value;
    drawn = ROWS_STEP;
    draw();
  });
  orders.addEventListener("change", () => {
    wanted.column = orders.value;
    wanted.descends = Boolean(COLUMNS.find((column) => column.id === orders.value).descends);
    draw();
  });
  const watcher = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting) || more.hidden) return;
    drawn += ROWS_STEP;
    draw();
    // The end may still be in view: look again.
    watcher.unobserve(more);
    watcher.observe(more);
  }, { rootMargin: "600px" });
  watcher.observe(more);
  const onShown = () => !document.hidden && load();
  document.addEventListener("visibilitychange", onShown);
  load();

  const node = h("div", { class: "list-view" },
    h("div", { class: "view-head" }, h("h1", { tabindex: "-1" }, "Torrents"), total,
      h("div", { class: "tools" }, filter, states, orders)),
    failures, stale, table, more);
  const update = () => {
    show(controlHead, store.overview.control);
    node.classList.toggle("one-mount", shownMounts().length < 2);
    // Another mount was chosen, or one came or went.
    if (shownMounts().map((mount) => mount.mountpoint).join("\n") !== lists) load();
  };
  const end = () => {
    ended = true;
    clearTimeout(timer);
    watcher.disconnect();
    document.removeEventListener("visibilitychange", onShown);
  };
  return { node, title: "Torrents", update, end };
}
