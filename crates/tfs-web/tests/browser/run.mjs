// The trial of the page: `node run.mjs URL [--views-only] [--pictures DIR]`. TFS_PAGE_MODULES is the
// directory that has node_modules, TFS_PAGE_TOKEN the token if the page wants one. The page is that
// of the example fake_page; with --views-only it may be any, and nothing is changed there.
// Exit code 1 if a check failed.

import { mkdirSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { parseArgs } from "node:util";
import path from "node:path";

import { audit, axeCounts, check, openPage, picture, results, startBrowser, startProxy } from "./lab.mjs";
import { FLOWS } from "./flows.mjs";

const SIZES = [[360, 760], [768, 1024], [1280, 720], [2560, 1440]];
const SENT_BYTES_MAX = 60_000;

const { values: options, positionals: [target] } = parseArgs({
  allowPositionals: true,
  options: { "views-only": { type: "boolean" }, pictures: { type: "string" } },
});
const { pictures } = options;
const token = process.env.TFS_PAGE_TOKEN;
const proxy = await startProxy(target);
const { base } = proxy;
const browser = await startBrowser();

/** Logs in with the form that a page with a token shows first. */
async function logIn(page) {
  page.expected.push(/401/);
  await page.goto(base);
  const field = page.locator("input[type=password]");
  if (await field.count() > 0) {
    await audit(page, "login");
    await field.fill("not the token");
    await field.press("Enter");
    await page.waitForLoadState();
    check(await page.locator("input[type=password]").count() > 0, "a wrong token does not log in");
    await page.locator("input[type=password]").fill(token ?? "");
    await page.locator("input[type=password]").press("Enter");
  }
  await page.waitForSelector(".now");
  page.expected.pop();
}

/** Every view in every width and scheme: axe, no sideways scrolling, pictures. */
async function views() {
  for (const colorScheme of ["light", "dark"]) {
    const page = await openPage(browser, base, { colorScheme });
    await logIn(page);
    const { torrents } = await (await page.request.get(`${base}api/torrents`)).json();
    const show = torrents.find((torrent) => /^Show.S01/.test(torrent.name ?? "")) ?? torrents[0];
    const hashes = { now: "#/", torrents: "#/torrents",
      torrent: `#/torrent/${show.info_hash}?file=1` };
    for (const [width, height] of SIZES) {
      await page.setViewportSize({ width, height });
      for (const [name, hash] of Object.entries(hashes)) {
        await page.goto(`${base}${hash}`);
        await page.waitForSelector(".now, .torrents tbody tr, .tree .map:visible");
        await page.waitForTimeout(500);
        const what = `${name} ${width} ${colorScheme}`;
        await audit(page, what);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        check(wide <= width, `no sideways scrolling in ${what}: ${wide}`);
        if (pictures) {
          mkdirSync(pictures, { recursive: true });
          const file = `page-${name}-${width}-${colorScheme}.webp`;
          await picture(page, path.join(pictures, file));
        }
      }
    }
    await page.context().close();
  }
}

/** Prints the sizes of all files of the page, and adds them up. */
async function sizes() {
  const page = await openPage(browser, base, {});
  const files = new Map();
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (!pathname.startsWith("/api/") && pathname !== "/events" && response.ok()) {
      files.set(pathname, response.body().catch(() => null));
    }
  });
  await logIn(page);
  const icon = await page.request.get(`${base}favicon.svg`);
  files.set("/favicon.svg", icon.body());
  let [raw, packed] = [0, 0];
  for (const [name, body] of files) {
    const bytes = await body;
    if (bytes === null) continue;
    const small = gzipSync(bytes, { level: 6 }).length;
    console.log(`size ${name}: ${bytes.length} bytes, ${small} with gzip`);
    raw += bytes.length;
    packed += small;
  }
  console.log(`size in total: ${raw} bytes, ${packed} with gzip, in ${files.size} files`);
  check(packed < SENT_BYTES_MAX, `the page is small: ${packed}`);
  await page.context().close();
}

await sizes();
await views();
const page = await openPage(browser, base, { viewport: { width: 1280, height: 720 } });
await logIn(page);
for (const flow of options["views-only"] ? [] : FLOWS) {
  try {
    await flow(page, base, proxy);
  } catch (error) {
    check(false, `${flow.name}: ${error.stack}`);
  }
}
await browser.close();
proxy.end();
const found = Object.entries(axeCounts).map(([impact, count]) => `${count} ${impact}`).join(", ");
console.log(`axe: ${found}`);
console.log(`${results.checks - results.failures.length} checks passed, ` +
  `${results.failures.length} failed`);
process.exitCode = results.failures.length > 0 ? 1 : 0;
