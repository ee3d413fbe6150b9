// Pages of Chromium, and the site that has them. `EDDYLINE_URL` is the server that they talk to, `CHROMIUM` the browser.

import assert from "node:assert/strict";
import { createServer } from "node:http";

import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const api = process.env.EDDYLINE_URL;
export const PATIENCE = { timeout: 20_000, polling: 50 };

/** A browser, and a site whose page is made of `entry`. */
export async function start(entry) {
  const { outputFiles } = await build({
    entryPoints: [new URL(entry, import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"', "process.env": "{}" },
    logLevel: "error",
  });
  const html = `<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/page.js"></script>`;
  const site = createServer((asked, answer) => {
    const isScript = asked.url === "/page.js";
    answer.setHeader("content-type", isScript ? "text/javascript" : "text/html");
    answer.end(isScript ? outputFiles[0].text : html);
  });
  await new Promise((done) => site.listen(0, "127.0.0.1", done));
  const browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
  const origin = `http://127.0.0.1:${site.address().port}`;
  return { open: (said) => open(browser, origin, said), end: () => browser.close().then(() => site.close()) };
}

/** A page that notes every text that an answer has had. */
async function open(browser, origin, said) {
  const page = await browser.newPage();
  page.on("pageerror", (error) => console.error(error));
  await page.evaluateOnNewDocument(() => {
    window.seen = [];
    const look = () => {
      const answers = [...document.querySelectorAll("p.ai")].map(({ textContent }) => textContent);
      const last = answers.at(-1);
      if (answers.length > 0 && last !== window.seen.at(-1)) window.seen.push(last);
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, characterData: true });
  });
  await page.goto(`${origin}/?${new URLSearchParams({ api, ...said })}`);
  await page.waitForSelector("input", PATIENCE);
  return page;
}

export async function say(page, text) {
  await page.type("input", text);
  await page.click("form button");
}

export const seen = (page) => page.evaluate(() => window.seen);

export const texts = (page, kind) =>
  page.$$eval(`p.${kind}`, (found) => found.map(({ textContent }) => textContent));

export const idle = (page) =>
  page.waitForFunction(() => document.querySelector("output").textContent === "idle", PATIENCE);

/** Waits until an answer is this text. */
export const has = (page, text) =>
  page.waitForFunction(
    (text) => [...document.querySelectorAll("p.ai")].some(({ textContent }) => textContent === text),
    PATIENCE,
    text,
  );

/** Waits until an answer has begun so. */
export const begins = (page, part) =>
  page.waitForFunction((part) => window.seen.some((text) => text.startsWith(part)), PATIENCE, part);

/** Waits until the last of the `items` of the state is this. */
export const lastItem = (page, item) =>
  page.waitForFunction(
    (item) => JSON.parse(document.querySelector("pre").textContent).items?.at(-1) === item,
    PATIENCE,
    item,
  );

/** Every text that was shown is a beginning of the whole. */
export function check(seen, whole) {
  for (const text of seen) assert.ok(whole.startsWith(text), `${JSON.stringify(text)} does not begin the answer`);
}

/** Reloads the page twice in the middle of an answer: no word is lost or doubled. */
export async function reload(page) {
  const words = Array.from({ length: 30 }, (_, index) => `w${index}`).join(" ");
  const whole = `You said: ${words}`;
  await say(page, words);
  for (let times = 1; times <= 2; times += 1) {
    await begins(page, whole.split(" ").slice(0, times * 8).join(" "));
    const before = await seen(page);
    check(before, whole);
    assert.notEqual(before.at(-1), whole);
    await page.reload();
    await page.waitForSelector("input", PATIENCE);
  }
  await has(page, whole);
  await idle(page);
  const after = await seen(page);
  check(after, whole);
  assert.ok(after.length > 3, `it was not joined again: ${JSON.stringify(after)}`);
  assert.deepEqual([await texts(page, "human"), await texts(page, "ai")], [[words], [whole]]);
}
