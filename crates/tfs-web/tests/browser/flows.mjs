// What a user does: search and preload, add, select, delete, lose the connection, leave the tab.

import { audit, check, until } from "./lab.mjs";

const lastPost = (proxy, path) => proxy.posts.findLast((post) => post.url.startsWith(path));

/** The first view: all in one screen, names as text, nothing jumps. */
async function firstView(page, base) {
  await page.setViewportSize({ width: 1280, height: 720 });
  await page.goto(`${base}#/`);
  await page.waitForSelector(".readers tbody");
  await until(page, () => document.querySelectorAll(".map .full[d]").length >= 1, null,
    "the maps are drawn");
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  check(height <= 720, `the first view fits in 720 lines: ${height}`);
  const samples = await page.locator(".chart .given").evaluate((path) =>
    path.getAttribute("d").split("L").length);
  check(samples >= 590, `the plot is full at once: ${samples} samples`);
  const labels = await page.locator(".readers .map").evaluateAll((maps) =>
    maps.map((map) => map.getAttribute("aria-label")));
  check(labels.every((label) => label.startsWith("Piece map: ")), "maps have texts");
  check(labels.some((label) => label.includes("waited for at")), "a map says what is waited for");
  const wait = await page.locator(".wait-text:visible").first().textContent();
  check(/^waits \d.* for piece \d+ · \d+ peers? connected/.test(wait), `the wait is told: ${wait}`);
  const shift = await page.evaluate(() => new Promise((resolve) => {
    let sum = 0;
    const observer = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) sum += entry.value;
    });
    observer.observe({ type: "layout-shift" });
    setTimeout(() => resolve(sum), 5000);
  }));
  console.log(`layout shift in five seconds: ${shift.toFixed(4)}`);
  check(shift < 0.02, `nothing jumps: ${shift}`);
}

/** A name with markup is a text, in every view. */
async function markup(page, base) {
  for (const hash of ["#/", "#/torrents"]) {
    await page.goto(`${base}${hash}`);
    await page.waitForSelector(".readers tbody, .torrents tbody tr");
    const found = await page.evaluate(() => ({
      images: document.querySelectorAll("main img, main b, main script, main i").length,
      isShown: document.querySelector("main").innerText.includes("<img src=x onerror="),
    }));
    check(found.images === 0 && found.isShown, `<img src=x onerror=…> is a text in ${hash}`);
  }
}

/** Search, preload a hit, look at the file. */
async function searchAndPreload(page, base, proxy) {
  await page.goto(`${base}#/`);
  await page.waitForSelector(".readers tbody");
  await page.keyboard.press("/");
  await page.keyboard.type("web e01");
  await page.waitForSelector(".hit");
  await audit(page, "search results");
  await page.locator(".hit").first().getByRole("button", { name: /^Preload/ }).click();
  await page.waitForSelector(".notice.done");
  const post = lastPost(proxy, "/api/torrents/");
  const action = JSON.parse(post?.body ?? "{}");
  check(action.action === "preload" && Number.isInteger(action.file_index),
    `a preload is asked for: ${post?.body}`);
  const m3u = await page.locator(".hit a", { hasText: "m3u" }).first().getAttribute("href");
  check(/^\/m3u\/[0-9a-f]{40}\/\d+/.test(m3u), `a hit has a playlist: ${m3u}`);
  await page.locator(".hit").first().getByRole("button", { name: /^Copy link/ }).click();
  await page.waitForSelector(".notice:has-text('copied')");
  const link = await page.evaluate(() => navigator.clipboard.readText());
  check(link.startsWith(`${base}file/`), `the link is absolute: ${link}`);
  const answer = await fetch(link, { headers: { range: "bytes=0-9" } });
  const bytes = await answer.arrayBuffer();
  check(answer.status === 206 && bytes.byteLength === 10, `a player needs no login: ${answer.status}`);
  await page.locator(".hit a.name").first().click();
  await page.waitForSelector(".tree .pointed .map:visible");
  await until(page, () => document.querySelector(".pointed .map").ariaLabel?.includes("%"), null,
    "the map of the file is there");
  const focused = await page.evaluate(() => document.activeElement.tagName);
  check(focused === "H1", `the heading has the focus: ${focused}`);
  await page.keyboard.press("/");
  await page.keyboard.press("Escape");
}

/** A magnet is pasted, a file is dropped. */
async function addTorrents(page, base, proxy) {
  await page.goto(`${base}#/torrents`);
  await page.waitForSelector(".torrents tbody tr");
  const magnet = `magnet:?xt=urn:btih:${"ab".repeat(20)}&dn=one`;
  await page.evaluate((text) => {
    const clipboardData = new DataTransfer();
    clipboardData.setData("text", text);
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true }));
  }, magnet);
  await page.waitForSelector("dialog[open]");
  check(await page.locator("dialog textarea").inputValue() === magnet, "a pasted magnet is taken");
  await audit(page, "dialog for adding");
  await page.locator("dialog").getByLabel("Paused").check();
  await page.locator("dialog").getByLabel("Use files that are already there").check();
  await page.locator("dialog button.main").click();
  await page.waitForSelector(".notice");
  const post = lastPost(proxy, "/api/add");
  check(post?.body === magnet && /paused=true&overwrite=true/.test(post.url), `a magnet is added: ${post?.url}`);
  await page.evaluate(() => {
    const dataTransfer = new DataTransfer();
    dataTransfer.items.add(new File(["d4:infoe"], "x.torrent"));
    document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
  });
  await page.waitForSelector("dialog[open]");
  check((await page.locator("dialog").innerText()).includes("x.torrent"), "a dropped file is taken");
  await page.keyboard.press("Escape");
  check(await page.locator("dialog").count() === 0, "Escape closes the dialog");
}

/** Filter, sort, open; select files; delete only with the whole name. */
async function changeTorrent(page, base, proxy) {
  await page.goto(`${base}#/torrents`);
  await page.waitForSelector(".torrents tbody tr");
  await page.getByLabel("Filter torrents").fill("show.s01");
  await until(page, () => document.querySelectorAll(".torrents tbody tr").length === 1, null,
    "the filter finds one torrent");
  await page.locator(".torrents tbody a.name").click();
  await page.waitForSelector(".tree input[type=checkbox]");
  await page.locator(".tree .file input[type=checkbox]").first().uncheck();
  const folder = page.locator(".tree .folder input[type=checkbox]").first();
  check(await folder.evaluate((box) => box.indeterminate), "a folder is selected in part");
  await page.getByRole("button", { name: "Save the selection" }).click();
  await page.waitForSelector(".notice.done");
  const select = JSON.parse(lastPost(proxy, "/api/torrents/").body);
  check(select.action === "select" && !select.files.includes(0), "the selection is sent");
  await page.getByRole("button", { name: "Delete…" }).click();
  const whole = await page.locator("#whole-name").textContent();
  await audit(page, "dialog for deleting");
  const before = proxy.posts.length;
  const press = page.locator("dialog button.main");
  await page.locator("dialog input").fill(whole.slice(0, -1));
  check(await press.isDisabled(), "a part of the name deletes nothing");
  await page.keyboard.press("Enter");
  check(proxy.posts.length === before, "Enter with a part of the name sends nothing");
  await page.locator("dialog input").fill(whole);
  await press.click();
  await until(page, () => location.hash === "#/torrents", null, "after deleting the list is shown");
  const sent = JSON.parse(lastPost(proxy, "/api/torrents/").body);
  check(sent.action === "delete" && sent.name === whole, "the typed name is sent");
}

/** The player says what it cannot play. */
async function player(page, base) {
  page.expected.push(/\/file\/|preloadMedia/);
  await page.goto(`${base}#/`);
  await page.waitForSelector(".readers tbody");
  await page.getByLabel("Search files").fill("film");
  await page.waitForSelector(".hit");
  await page.getByRole("button", { name: /^Play/ }).first().click();
  await page.waitForSelector("dialog.player video");
  await audit(page, "player");
  await page.evaluate(() => { location.hash = "#/torrents"; });
  await page.waitForSelector("dialog", { state: "detached" });
  check(true, "another view closes the player");
  page.expected.pop();
}

/** Connection lost and found again; a hidden tab has no stream. */
async function connection(page, base, proxy) {
  page.expected.push(/ERR_|Failed to load/);
  await page.goto(`${base}#/`);
  await page.waitForSelector(".readers tbody");
  await until(page, () => document.querySelector(".well").innerText.includes("problem"), null,
    "the state is told");
  proxy.cut();
  await page.waitForSelector(".lost:visible");
  const lost = await page.locator(".lost").textContent();
  check(/Connection lost since .*Next attempt|Trying/.test(lost), `a lost connection: ${lost}`);
  check(await page.evaluate(() => document.body.classList.contains("stale")), "old data is grey");
  await audit(page, "lost connection");
  await page.getByRole("button", { name: "Try now" }).click();
  proxy.mend();
  // Without a further click: it tries again on its own.
  await page.waitForSelector(".lost", { state: "hidden" });
  page.expected.pop();
  const hide = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => value });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  const streams = async (wanted) => {
    for (let look = 0; look < 100 && proxy.streams() !== wanted; look += 1) {
      await page.waitForTimeout(50);
    }
    check(proxy.streams() === wanted, `${wanted} streams are open: ${proxy.streams()}`);
  };
  await streams(1);
  await hide(true);
  await streams(0);
  await hide(false);
  await streams(1);
}

/** A session that ended: a change asks for the token, and is made then. */
async function newLogin(page, base, proxy) {
  page.expected.push(/401/);
  await page.goto(`${base}#/torrents`);
  await page.waitForSelector(".torrents tbody tr");
  await page.context().clearCookies();
  const press = page.locator("td.control button").first();
  const label = await press.getAttribute("aria-label");
  await press.click();
  await page.waitForSelector("dialog[open] input[type=password]");
  await audit(page, "dialog for the token");
  await page.locator("dialog input").fill("not the token");
  await page.locator("dialog button.main").click();
  await until(page, () => document.querySelector("dialog .bad").textContent.includes("not the"),
    null, "a wrong token is told");
  await page.locator("dialog input").fill(process.env.TFS_PAGE_TOKEN);
  await page.locator("dialog button.main").click();
  await page.waitForSelector(".notice.done");
  const { action } = JSON.parse(lastPost(proxy, "/api/torrents/").body);
  check(label.toLowerCase().startsWith(action), `after the login it is made: ${label}, ${action}`);
  page.expected.pop();
}

/** Logging out, and the address that stays when a user logs in again. */
async function logOut(page, base) {
  page.expected.push(/401/);
  await page.goto(`${base}#/torrents`);
  await page.waitForSelector(".torrents tbody tr");
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForSelector("body.plain input[type=password]");
  await page.locator("input[type=password]").fill("not the token");
  await page.keyboard.press("Enter");
  await page.waitForSelector("[role=alert]");
  await page.locator("input[type=password]").fill(process.env.TFS_PAGE_TOKEN);
  await page.keyboard.press("Enter");
  await page.waitForSelector(".torrents tbody tr");
  const found = await page.evaluate(() => location.pathname + location.hash);
  check(found === "/#/torrents", `the address stays after a login: ${found}`);
  page.expected.pop();
}

/** An address without a view. */
async function unknownAddress(page, base) {
  await page.goto(`${base}#/nothing`);
  await page.waitForSelector("h1:has-text('No such view')");
  await audit(page, "unknown address");
}

/** A server that does not list its torrents: each reason once. */
async function failedList(page, base, proxy) {
  const failed = [{ server: "one", error: "it says no" }, { server: "two", error: "it says no" }];
  proxy.answers.set("/api/torrents", JSON.stringify({ torrents: [], failed }));
  await page.goto(`${base}#/`);
  await page.goto(`${base}#/torrents`);
  await page.waitForSelector(".list-view ul.bad li");
  const lines = await page.locator(".list-view ul.bad li").allTextContents();
  check(lines.length === 1 && lines[0] === "one, two: it says no", `said once: ${lines}`);
  const stale = await page.locator(".stale-list").textContent();
  check(/still shows \d+ torrents? as last known/.test(stale), stale);
  proxy.answers.delete("/api/torrents");
}

/** The colour scheme is remembered. */
async function theme(page, base) {
  await page.goto(`${base}#/`);
  await page.waitForSelector(".readers tbody");
  const press = page.locator("header button.icon");
  await press.click();
  await press.click();
  await page.reload();
  await page.waitForSelector(".readers tbody");
  const found = await page.evaluate(() => document.documentElement.dataset.theme);
  check(found === "dark", `the scheme is remembered: ${found}`);
  await press.click();
}

/** Everything is reached by Tab, in view and with a visible ring. */
async function keyboard(page, base) {
  await page.goto("about:blank");
  await page.goto(`${base}#/`);
  await page.waitForSelector(".readers tbody");
  const seen = new Set();
  for (let press = 0; press < 60; press += 1) {
    await page.keyboard.press("Tab");
    const focus = await page.evaluate(() => {
      const node = document.activeElement;
      if (!node || node === document.body) return null;
      const { top, bottom, left, width } = node.getBoundingClientRect();
      const outline = getComputedStyle(node).outlineStyle;
      return { label: node.getAttribute("aria-label") ?? node.textContent.trim().slice(0, 40),
        isSeen: bottom > 0 && top < innerHeight && left >= 0 && width > 0, outline };
    });
    if (focus === null) break;
    check(focus.isSeen && focus.outline !== "none", `the focus is seen at ${focus.label}`);
    seen.add(focus.label);
  }
  for (const label of ["Skip to the content", "Now", "Torrents", "Search files", "Add"]) {
    check(seen.has(label), `Tab reaches ${label}`);
  }
  await page.goto("about:blank");
  await page.goto(`${base}#/`);
  await page.waitForSelector(".readers tbody");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  check(await page.evaluate(() => document.activeElement.id) === "main", "the skip link works");
}

/** A list of 2,000 torrents; times are printed. */
async function manyTorrents(page, base, proxy) {
  const answer = await page.request.get(`${base}api/torrents`);
  const { torrents, failed } = await answer.json();
  const many = Array.from({ length: 2000 }, (_, index) => ({
    ...torrents[index % torrents.length],
    info_hash: index.toString(16).padStart(40, "0"),
    name: `Torrent number ${index} of many`,
  }));
  proxy.answers.set("/api/torrents", JSON.stringify({ torrents: many, failed }));
  await page.goto(`${base}#/`);
  await page.goto(`${base}#/torrents`);
  await until(page, () => document.querySelector(".view-head").innerText.includes("2,000"), null,
    "2,000 torrents are listed");
  const times = await page.evaluate(() => {
    const measure = (act) => {
      const start = performance.now();
      act();
      document.body.getBoundingClientRect();
      return Math.round(performance.now() - start);
    };
    const filter = document.querySelector("[aria-label='Filter torrents']");
    const type = (value) => measure(() => {
      filter.value = value;
      filter.dispatchEvent(new Event("input"));
    });
    const sort = [...document.querySelectorAll(".torrents th button")].map((press) =>
      measure(() => press.click()));
    return { sort: Math.max(...sort), filter: Math.max(type("number 1"), type("19"), type("")) };
  });
  console.log(`2,000 torrents: sorted in ${times.sort} ms, filtered in ${times.filter} ms`);
  const count = () => page.locator(".torrents tbody tr").count();
  const first = await count();
  await page.evaluate(() => scrollTo(0, document.body.scrollHeight));
  await until(page, (before) => document.querySelectorAll(".torrents tbody tr").length > before,
    first, "scrolling shows more rows");
  proxy.answers.delete("/api/torrents");
}

/** All of them in order; deleting is the last. */
export const FLOWS = [firstView, markup, keyboard, theme, searchAndPreload, player, addTorrents,
  manyTorrents, failedList, unknownAddress, connection, newLogin, logOut, changeTorrent];
