// The header: whether all is well, totals, views, search, mount, colour scheme.

import { openAddition } from "./addition.js";
import { button, h, keyed, set, show, text } from "./dom.js";
import { counted, duration, sizeOf, splitPath } from "./format.js";
import { retryNow } from "./live.js";
import { remember, remembered } from "./memory.js";
import { uptime } from "./panels.js";
import { problems } from "./problems.js";
import { searchBox } from "./search.js";
import { distinctMounts, serversOf } from "./servers.js";
import { logoutButton } from "./session.js";
import { choose, chosen, shownMounts, store } from "./store.js";

const THEMES = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

/** The button that changes the colour scheme. */
function themeButton() {
  const sign = h("span", { "aria-hidden": "true" });
  const press = button(sign, () => {
    const names = Object.keys(THEMES);
    apply(names[(names.indexOf(remembered("theme") ?? "auto") + 1) % names.length]);
  }, { class: "icon" });
  const apply = (theme) => {
    if (theme === "auto") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = theme;
    remember("theme", theme === "auto" ? null : theme);
    set(press, "aria-label", THEMES[theme]);
    set(press, "title", THEMES[theme]);
    text(sign, { auto: "◐", light: "☀", dark: "☾" }[theme]);
  };
  const theme = remembered("theme");
  apply(theme in THEMES ? theme : "auto");
  return press;
}

/** The choice of a mount, if there are several. */
function mountChoice() {
  const node = h("select", { "aria-label": "Mount", change: () => choose(node.value || null) });
  const update = () => {
    const names = store.overview.mounts.map((mount) => mount.mountpoint);
    show(node, names.length > 1);
    if (node.dataset.names !== names.join("\n")) {
      node.dataset.names = names.join("\n");
      node.replaceChildren(h("option", { value: "" }, "All mounts"),
        ...names.map((one) => h("option", { value: one }, one)));
    }
    const value = chosen() ?? "";
    if (node.value !== value) node.value = value;
  };
  return { node, update };
}

/** The line that says that the connection is lost. */
function lostLine() {
  const since = h("span");
  const next = h("span", { class: "dim" });
  const node = h("div", { class: "lost", hidden: true }, h("strong", {}, "Connection lost"), " ",
    since, " ", next, " ", button("Try now", retryNow));
  const update = () => {
    const isLost = store.link === "lost";
    show(node, isLost);
    document.body.classList.toggle("stale", isLost);
    if (!isLost) return;
    const at = new Date(store.lostAt).toLocaleTimeString();
    const left = (store.retryAt - Date.now()) / 1000;
    text(since, `since ${at} (${duration((Date.now() - store.lostAt) / 1000)}): ${store.why}.`);
    text(next, store.retryAt === null ? "" :
      left > 0.5 ? `Next attempt in ${duration(left)}.` : "Trying…");
  };
  setInterval(update, 1000);
  return { node, update };
}

/** Returns the figures of some mounts as text. */
function figures(mounts) {
  const total = (of) => mounts.reduce((sum, mount) => sum + of(mount.tree), 0);
  return [counted(total((tree) => tree.torrents), "torrent"),
    counted(total((tree) => tree.files), "file"),
    `${sizeOf(total((tree) => tree.have_bytes), total((tree) => tree.total_bytes))} there`]
    .join(" · ");
}

/** Returns the totals. Where mounts show parts of one server, a sum would count twice. */
function totals(mounts) {
  const distinct = distinctMounts(mounts);
  const called = (mount) => splitPath(mount.mountpoint)[1];
  const parts = distinct === null
    ? mounts.map((mount) => `${called(mount)}: ${counted(mount.tree.torrents, "torrent")}`)
    : [figures(distinct)];
  return [counted(serversOf(mounts).length, "server"), ...parts].join(" · ");
}

/** Fills the header, and returns its update. */
export function fillHeader(header) {
  const sign = h("span", { class: "sign", "aria-hidden": "true" });
  const state = h("span");
  const status = h("p", { class: "well", role: "status" }, sign, state);
  const sums = h("p", { class: "sums dim" });
  const up = h("span", { class: "dim uptime" });
  const links = [["#/", "Now"], ["#/torrents", "Torrents"]].map(([href, label]) =>
    h("a", { href }, label));
  const mounts = mountChoice();
  const plus = button("Add", () => openAddition(), { class: "add" });
  const lost = lostLine();
  const list = h("ul", { class: "problems", hidden: true });
  header.append(
    h("div", { class: "top" },
      h("a", { class: "brand", href: "#/" }, "tfs"), status, sums,
      h("nav", { "aria-label": "Views" }, ...links),
      searchBox(), mounts.node, plus, up, logoutButton(), themeButton()),
    lost.node, list);
  // Heads of tables stay below the header.
  const height = () => document.documentElement.style
    .setProperty("--header", `${header.offsetHeight}px`);
  new ResizeObserver(height).observe(header);
  const line = () => {
    const node = h("li");
    return { node, update: (problem) => text(node, problem) };
  };
  return () => {
    lost.update();
    if (!store.overview) return;
    const shown = shownMounts();
    const found = problems(store.overview);
    set(sign, "class", `sign ${store.link === "lost" ? "unsure" : found.length > 0 ? "down" : "up"}`);
    text(state, store.link === "lost" ? "no connection" :
      found.length === 0 ? "all well" : counted(found.length, "problem"));
    keyed(list, found.slice(0, 6), (problem) => problem, line);
    show(list, found.length > 0);
    text(sums, totals(shown));
    set(sums, "title", shown.length > 1 ? shown.map((mount) =>
      `${mount.mountpoint}: ${figures([mount])}`).join("\n") : null);
    text(up, uptime(shown));
    set(up, "title", `tfs ${store.overview.tfs_version}`);
    mounts.update();
    show(plus, store.overview.control);
    const path = location.hash.startsWith("#/torrent") ? "#/torrents" : "#/";
    for (const link of links) {
      set(link, "aria-current", link.getAttribute("href") === path ? "page" : null);
    }
  };
}
