// Dialogs: the token, a confirmation, a name to type, a link to copy, a player.

import { button, h, name, show, text } from "./dom.js";
import { fileUrl, get, listUrl, login, request, sendToken } from "./net.js";
import { done, failed } from "./notices.js";
import { chosen } from "./store.js";

/**
 * Opens a modal dialog; resolves to what `close` is called with, or null for Escape and when the
 * page shows another view. One that `stays` is about no view.
 */
export function open(title, build, { stays = false } = {}) {
  return new Promise((resolve) => {
    const heading = h("h2", { id: "dialog-title" }, title);
    const dialog = h("dialog", { "aria-labelledby": "dialog-title" });
    let result = null;
    const close = (value) => {
      result = value;
      dialog.close();
    };
    dialog.append(heading, build(close, dialog));
    const leave = () => !stays && close(null);
    addEventListener("hashchange", leave);
    dialog.addEventListener("close", () => {
      removeEventListener("hashchange", leave);
      dialog.remove();
      resolve(result);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
}

const submit = (act) => (event) => {
  event.preventDefault();
  act();
};

const buttons = (close, label, attributes = {}) => h("p", { class: "buttons" },
  button("Cancel", () => close(null)), h("button", { class: "main", ...attributes }, label));

/** Asks for a confirmation. */
export const confirm = (title, description, label) => open(title, (close) =>
  h("form", { submit: submit(() => close(true)) }, description, buttons(close, label)));

/** Asks to type a whole name; the button works only then. Resolves to the name. */
export const typeName = (title, description, whole, label) => open(title, (close) => {
  const field = h("input", { type: "text", autocomplete: "off", spellcheck: "false", dir: "auto",
    "aria-describedby": "whole-name" });
  const confirmed = h("button", { class: "main danger", disabled: true }, label);
  field.addEventListener("input", () => { confirmed.disabled = field.value !== whole; });
  return h("form", { submit: submit(() => field.value === whole && close(field.value)) },
    description, h("p", { id: "whole-name", class: "whole-name" }, name(whole)),
    h("label", {}, "Type the whole name of the torrent", field),
    h("p", { class: "buttons" }, button("Cancel", () => close(null)), confirmed));
});

let asking = null;

/** Asks for the token until it is right or the dialog is closed; one dialog for all requests. */
login.ask = () => {
  asking ??= open("Log in", (close) => {
    const field = h("input", { type: "password", autocomplete: "current-password",
      required: true, "aria-describedby": "login-why" });
    const why = h("p", { id: "login-why", class: "bad", role: "alert" });
    const send = submit(async () => {
      const refusal = await sendToken(field.value);
      if (refusal === null) close(true);
      else {
        text(why, refusal);
        field.select();
      }
    });
    return h("form", { submit: send },
      h("p", {}, "This needs the token of the page, the value of web.token_file."),
      h("label", {}, "Token", field), why, buttons(close, "Log in"));
  }, { stays: true }).then((right) => {
    asking = null;
    return right === true;
  });
  return asking;
};

/** Shows a link, if the browser does not let the page copy it. */
function showLink(link) {
  return open("Copy the link", (close) => {
    const field = h("input", { type: "text", readonly: true, value: link,
      focus: () => field.select() });
    return h("form", { submit: submit(() => close(true)) },
      h("label", {}, "Press Ctrl+C to copy", field),
      h("p", { class: "buttons" }, h("button", { class: "main" }, "Close")));
  });
}

/** Copies the link of a file, with its key, for players that cannot log in. */
export async function copyLink(place) {
  try {
    const list = await (await request(listUrl(place), { asks: true })).text();
    const link = list.split(/\r?\n/).find((line) => line !== "" && !line.startsWith("#"));
    try {
      await navigator.clipboard.writeText(link);
      done("The link is copied.");
    } catch {
      await showLink(link);
    }
  } catch (error) {
    failed(`Copying the link failed: ${error.message}`);
  }
}

const VIDEO = /\.(mp4|m4v|mkv|webm|mov|avi|ts|m2ts|mpe?g|ogv|wmv|flv)$/i;
const AUDIO = /\.(mp3|m4a|m4b|flac|ogg|oga|opus|wav|aac)$/i;

/** The other videos and music that playlists have: players know more than browsers. */
const FOR_PLAYERS = /\.(aiff|ape|mka|ogm|vob|wma|wv)$/i;

/** Returns whether a playlist has a file of this name, as tfs decides it. */
export const isMedia = (path) => isPlayable(path) || FOR_PLAYERS.test(path);

/** Returns whether a browser may play a file of this name. */
export const isPlayable = (path) => VIDEO.test(path) || AUDIO.test(path);

/** Plays a file in the page. */
export function play(place, path) {
  const source = fileUrl(place, path);
  const title = path.split("/").pop();
  return open("Play", (close, dialog) => {
    const kind = AUDIO.test(path) ? "audio" : "video";
    const why = h("p", { class: "bad", hidden: true, role: "alert" },
      "This browser cannot play the file. Open the link or the playlist (m3u) in a player.");
    const player = h(kind, { controls: true, autoplay: true, preload: "metadata", src: source,
      error: () => show(why, true) });
    dialog.classList.add("player");
    dialog.addEventListener("close", () => {
      // Without a source the browser ends its request.
      player.removeAttribute("src");
      player.load();
    });
    return h("div", {}, h("p", { class: "playing" }, name(title)), player, why,
      h("p", { class: "buttons" },
        h("a", { href: source, target: "_blank", rel: "noopener" }, "Open in a tab"),
        h("a", { href: listUrl(place), download: "" }, "m3u"),
        button("Copy link", () => copyLink(place)),
        button("Close", () => close(true), { class: "main" })));
  });
}

/** Returns the hits of a search in one mount or in all. */
export async function search(mountpoints, words, limit, signal) {
  const asked = chosen() === null && mountpoints.length > 1 ? mountpoints : [chosen()];
  const answers = await Promise.all(asked.map(async (mountpoint) => {
    const answer = await get("/api/search", { mountpoint, q: words, limit }, { signal });
    return { ...answer, hits: answer.hits.map((hit) => ({ ...hit, mountpoint })) };
  }));
  return {
    hits: answers.flatMap((answer) => answer.hits).slice(0, limit),
    isCut: answers.some((answer) => answer.is_cut),
  };
}
