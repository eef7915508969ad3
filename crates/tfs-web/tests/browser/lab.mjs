// The browser, and a proxy before the page that can cut connections and count streams.

import { createRequire } from "node:module";
import http from "node:http";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";

const modules = createRequire(path.join(process.env.TFS_PAGE_MODULES ?? ".", "index.js"));
const { chromium } = modules("playwright-core");
const AXE = readFileSync(modules.resolve("axe-core/axe.min.js"), "utf8");

/** Programs of this name are tried in turn, unless TFS_CHROMIUM names one. */
const BROWSERS = ["chromium", "chromium-browser", "google-chrome"];

function findBrowser() {
  if (process.env.TFS_CHROMIUM) return process.env.TFS_CHROMIUM;
  const dirs = (process.env.PATH ?? "").split(":");
  const found = BROWSERS.flatMap((name) => dirs.map((dir) => path.join(dir, name)))
    .find((file) => existsSync(file));
  if (!found) throw new Error("no chromium in PATH; install it, or set TFS_CHROMIUM");
  return found;
}

/** Starts the browser. Its sandbox does not work as root, or in most containers. */
export const startBrowser = () =>
  chromium.launch({ executablePath: findBrowser(), args: ["--no-sandbox"] });

/** Findings of the trial; a failure does not end it. */
export const results = { failures: [], checks: 0 };

/** Checks a condition. */
export function check(holds, what) {
  results.checks += 1;
  if (holds) return;
  results.failures.push(what);
  console.log(`FAILED ${what}`);
}

/** Waits until a condition holds; the browser's time limit bounds it. */
export const until = async (page, condition, argument, what) => {
  try {
    await page.waitForFunction(condition, argument, { timeout: 20_000 });
    check(true, what);
  } catch {
    check(false, what);
  }
};

/** Opens a page that reports errors, violations of the policy and foreign requests. */
export async function openPage(browser, base, options) {
  const permissions = ["clipboard-read", "clipboard-write"];
  const context = await browser.newContext({ permissions, ...options });
  const page = await context.newPage();
  page.expected = [];
  page.on("pageerror", (error) => check(false, `no error in the page: ${error.stack}`));
  page.on("console", (message) => {
    if (message.type() !== "error" && message.type() !== "warning") return;
    const text = `${message.text()} ${message.location().url}`;
    if (!page.expected.some((pattern) => pattern.test(text))) {
      check(false, `nothing on the console: ${text}`);
    }
  });
  page.on("dialog", async (dialog) => {
    check(false, `no script of a name runs: ${dialog.message()}`);
    await dialog.dismiss();
  });
  page.on("request", (request) => {
    const url = request.url();
    if (url !== "about:blank" && !url.startsWith(base) && !url.startsWith("data:")) {
      check(false, `no request to others: ${url}`);
    }
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return page;
}

/** Counts of findings of axe by impact, over all views. */
export const axeCounts = { critical: 0, serious: 0, moderate: 0, minor: 0 };

/** Runs axe-core; serious and critical findings are failures. */
export async function audit(page, what) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, {
    preload: false,
    runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
  }));
  for (const { id, impact, nodes } of violations) {
    axeCounts[impact] += nodes.length;
    const places = nodes.slice(0, 3).map((node) => `${node.target} ${node.failureSummary ?? ""}`);
    const line = `axe ${impact} ${id} in ${what}: ${places.join(" | ").replaceAll("\n", " ")}`;
    if (impact === "serious" || impact === "critical") check(false, line);
    else console.log(line);
  }
  check(true, what);
}

/** Writes what the window shows as WebP, which is a third of PNG for these pages. */
export async function picture(page, file) {
  const session = await page.context().newCDPSession(page);
  const options = { format: "webp", quality: 82 };
  const { data } = await session.send("Page.captureScreenshot", options);
  await session.detach();
  writeFileSync(file, Buffer.from(data, "base64"));
}

/** A proxy on loopback: `cut()` ends all connections and refuses new ones until `mend()`. */
export async function startProxy(target) {
  const { hostname, port } = new URL(target);
  const sockets = new Set();
  const posts = [];
  const answers = new Map();
  let isCut = false;
  let streams = 0;
  const server = http.createServer((request, response) => {
    const { pathname } = new URL(request.url, target);
    if (pathname === "/events") {
      streams += 1;
      response.on("close", () => { streams -= 1; });
    }
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const body = Buffer.concat(chunks);
      if (request.method === "POST") posts.push({ url: request.url, body: body.toString("latin1") });
      if (answers.has(pathname) && request.method === "GET") {
        response.setHeader("content-type", "application/json");
        response.end(answers.get(pathname));
        return;
      }
      const onward = http.request({ hostname, port, path: request.url, method: request.method,
        headers: request.headers, agent: false }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        response.flushHeaders();
        answer.pipe(response);
      });
      onward.on("error", () => response.destroy());
      response.on("close", () => onward.destroy());
      onward.end(body);
    });
  });
  server.on("connection", (socket) => {
    if (isCut) {
      socket.destroy();
      return;
    }
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    base: `http://127.0.0.1:${server.address().port}/`,
    posts,
    /** Answers to GET requests that the proxy gives itself, by path. */
    answers,
    streams: () => streams,
    cut() {
      isCut = true;
      for (const socket of sockets) socket.destroy();
    },
    mend() { isCut = false; },
    end() {
      this.cut();
      server.close();
    },
  };
}
