// The buttons of a file, in search results and in the tree of a torrent.

import { button, h, unseen } from "./dom.js";
import { copyLink, isPlayable, play } from "./dialogs.js";
import { act, fileUrl, listUrl } from "./net.js";
import { attempt } from "./notices.js";
import { store } from "./store.js";

/** Returns play, copy link, m3u and preload. `place` has the path of the file for its name. */
export function fileActions(place, path) {
  const last = path.split("/").pop();
  const about = () => unseen(` ${last}`);
  const open = isPlayable(last)
    ? h("button", { type: "button", click: () => play(place, path) }, "Play", about())
    : h("a", { class: "button", href: fileUrl(place, path), target: "_blank", rel: "noopener" },
      "Open", about());
  const preload = () => attempt(`Preload of ${last}`,
    () => act(place, { action: "preload", file_index: place.file_index }),
    `The preload of ${last} began.`);
  return h("span", { class: "actions" }, open,
    h("button", { type: "button", click: () => copyLink(place) }, "Copy link", about()),
    h("a", { class: "button", href: listUrl(place), download: "" }, "m3u", about()),
    store.overview.control && button(["Preload", about()], preload));
}
