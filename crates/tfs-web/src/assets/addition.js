// Adding torrents: files, dragged or chosen, and magnet links, typed or pasted.

import { button, h, text } from "./dom.js";
import { open } from "./dialogs.js";
import { counted } from "./format.js";
import { add } from "./net.js";
import { done, failed } from "./notices.js";
import { chosen, store } from "./store.js";

/** tfs takes files up to this size. */
const FILE_BYTES_MAX = 10 * 1024 * 1024;
const FILES_MAX = 100;

/** Returns the magnet links of a text. */
const magnetsIn = (value) => value.split(/\s+/).filter((word) => /^magnet:\?/i.test(word));

/** The label of what lets the server use files on its disk. */
const USE_FILES = "Use files that are already there";

async function addAll(query, contents) {
  let added = 0;
  const known = [];
  for (const { label, content } of contents) {
    try {
      const answer = await add(query, content);
      if (answer.added) added += 1;
      else known.push(answer.name);
    } catch (error) {
      // tfs names the parameter of the request; here it is a check box.
      const message = error.message.replace(" (overwrite=true)", `: tick "${USE_FILES}"`);
      failed(`Adding ${label} failed: ${message}`);
    }
  }
  if (added > 0) done(`${counted(added, "torrent")} added.`);
  if (known.length > 0) done(`Already there: ${known.slice(0, 3).join(", ")}.`);
}

const option = (value, label = value) => h("option", { value }, label);

/** Opens the dialog, with files and links that are known already. */
export function openAddition(files = [], links = "") {
  return open("Add torrents", (close) => {
    let chosenFiles = [...files].slice(0, FILES_MAX);
    const { mounts } = store.overview;
    const mount = h("select", {}, ...mounts.map((one) => option(one.mountpoint)));
    mount.value = chosen() ?? mounts[0]?.mountpoint ?? "";
    const server = h("select");
    const listServers = () => {
      const found = mounts.find((one) => one.mountpoint === mount.value)?.servers ?? [];
      server.replaceChildren(...found.map((one) => option(one.name)));
      server.parentElement?.toggleAttribute("hidden", found.length < 2);
    };
    const picked = h("span", { class: "dim" });
    const sayPicked = () => text(picked, chosenFiles.map((file) => file.name).join(", "));
    const input = h("input", { type: "file", accept: ".torrent,application/x-bittorrent",
      multiple: true, change: () => {
        chosenFiles = [...input.files].slice(0, FILES_MAX);
        sayPicked();
      } });
    const area = h("textarea", { rows: "4", spellcheck: "false",
      placeholder: "magnet:?xt=urn:btih:…" });
    area.value = links;
    const paused = h("input", { type: "checkbox" });
    const overwrite = h("input", { type: "checkbox" });
    const why = h("p", { class: "bad", role: "alert" });
    const send = (event) => {
      event.preventDefault();
      const large = chosenFiles.find((file) => file.size > FILE_BYTES_MAX);
      const magnets = magnetsIn(area.value);
      if (large) text(why, `${large.name} is larger than 10 MiB, so it is no torrent file.`);
      else if (area.value.trim() !== "" && magnets.length === 0) {
        text(why, "The text has no magnet link: one begins with magnet:?");
      } else if (chosenFiles.length + magnets.length === 0) {
        text(why, "Choose a .torrent file, or paste a magnet link.");
      } else {
        const contents = [
          ...chosenFiles.map((file) => ({ label: file.name, content: file })),
          ...magnets.map((link) => ({ label: `${link.slice(0, 60)}…`, content: link })),
        ];
        const query = { mountpoint: mount.value || null, paused: paused.checked ? "true" : null,
          overwrite: overwrite.checked ? "true" : null,
          server: server.options.length > 1 ? server.value : null };
        close(true);
        addAll(query, contents);
      }
    };
    const form = h("form", { submit: send },
      mounts.length > 1 && h("label", {}, "Mount", mount),
      h("label", {}, "Server", server),
      h("label", {}, "Torrent files", input), picked,
      h("label", {}, "Magnet links", area),
      h("label", { class: "check" }, paused, "Paused"),
      h("label", { class: "check", title: "Parts of them that do not match are overwritten" },
        overwrite, USE_FILES), why,
      h("p", { class: "buttons" }, button("Cancel", () => close(null)),
        h("button", { class: "main" }, "Add")));
    mount.addEventListener("change", listServers);
    listServers();
    sayPicked();
    return form;
  });
}

const allowed = () => store.overview?.control && !document.querySelector("dialog[open]");

/** Takes files that are dragged onto the page, and links that are pasted. */
export function takeDrops() {
  const hasFiles = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (on) => document.body.classList.toggle("dropping", on);
  addEventListener("dragover", (event) => {
    if (!allowed() || !hasFiles(event)) return;
    event.preventDefault();
    mark(true);
  });
  addEventListener("dragleave", (event) => event.relatedTarget === null && mark(false));
  addEventListener("drop", (event) => {
    mark(false);
    if (!allowed() || !hasFiles(event)) return;
    event.preventDefault();
    openAddition(event.dataTransfer.files);
  });
  addEventListener("paste", (event) => {
    if (!allowed() || event.target.closest?.("input, textarea")) return;
    const links = magnetsIn(event.clipboardData?.getData("text") ?? "");
    if (links.length === 0) return;
    event.preventDefault();
    openAddition([], links.join("\n"));
  });
}
