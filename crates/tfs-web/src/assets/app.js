// The page of tfs. This module shows the view that the address names, and starts the connection.

import { takeDrops } from "./addition.js";
import { detailView } from "./detail.js";
import { h } from "./dom.js";
import { fillHeader } from "./header.js";
import { start } from "./live.js";
import { patterns } from "./map.js";
import { nowView } from "./now.js";
import { shownMounts, store, subscribe } from "./store.js";
import { torrentsView } from "./torrents.js";

const main = document.getElementById("main");
const header = document.getElementById("header");
let view = null;
let shown = null;

/** Returns the view of an address such as `#/torrent/HASH?mount=/mnt/t&file=3`. */
function create(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [kind, infoHash] = path.split("/");
  const parameters = new URLSearchParams(query);
  if (kind === "torrents") return torrentsView();
  if (kind === "torrent" && /^[0-9a-f]{40}$/.test(infoHash)) {
    const file = parameters.get("file");
    const mountpoint = parameters.get("mount") ?? shownMounts()[0]?.mountpoint ?? null;
    const place = { mountpoint, info_hash: infoHash };
    return detailView(place, file === null ? null : Number(file));
  }
  return path === "" || path === "now" ? nowView() : unknownView();
}

/** Says that an address names no view. */
function unknownView() {
  const node = h("div", {}, h("h1", { tabindex: "-1" }, "No such view"),
    h("p", {}, "The address names no view of this page."),
    h("p", { class: "controls" }, h("a", { class: "button", href: "#/" }, "Now"),
      h("a", { class: "button", href: "#/torrents" }, "Torrents")));
  return { node, title: "No such view", update() {} };
}

/** Shows the view of the address. */
function route() {
  const isFirst = view === null;
  if (shown === location.hash && !isFirst) return;
  view?.end?.();
  shown = location.hash;
  view = create(shown);
  document.title = `${view.title} – tfs`;
  main.replaceChildren(view.node);
  update();
  if (isFirst) return;
  scrollTo(0, 0);
  main.querySelector("h1")?.focus({ preventScroll: true });
}

const updateHeader = fillHeader(header);

function update() {
  updateHeader();
  if (!store.overview) return;
  if (view === null) route();
  else view.update();
}

header.hidden = false;
main.hidden = false;
document.body.append(patterns());
subscribe(update);
addEventListener("hashchange", () => store.overview && route());
// The skip link leads to an element; addresses are those of views.
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});
takeDrops();
start();
