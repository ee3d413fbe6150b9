// `useStream` in a page of Chromium, against the server at `EDDYLINE_URL`; `CHROMIUM` is the browser.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { after, before, test } from "node:test";

import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const api = process.env.EDDYLINE_URL;
const PATIENCE = { timeout: 20_000 };

let browser, site, origin;

before(async () => {
  const { outputFiles } = await build({
    entryPoints: [new URL("page.jsx", import.meta.url).pathname],
    bundle: true,
    write: false,
    format: "esm",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"production"', "process.env": "{}" },
    logLevel: "error",
  });
  const page = `<!doctype html><meta charset="utf-8"><div id="root"></div><script type="module" src="/page.js"></script>`;
  site = createServer((asked, answer) => {
    const is_script = asked.url === "/page.js";
    answer.setHeader("content-type", is_script ? "text/javascript" : "text/html");
    answer.end(is_script ? outputFiles[0].text : page);
  });
  await new Promise((done) => site.listen(0, "127.0.0.1", done));
  origin = `http://127.0.0.1:${site.address().port}`;
  browser = await puppeteer.launch({
    executablePath: process.env.CHROMIUM,
    args: ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"],
  });
});

after(async () => {
  await browser?.close();
  site?.close();
});

/** A page that notes every text that an answer has had. */
async function open(said) {
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

async function say(page, text) {
  await page.type("input", text);
  await page.click("form button");
}

const texts = (page, kind) => page.$$eval(`p.${kind}`, (found) => found.map(({ textContent }) => textContent));
const idle = (page) => page.waitForFunction(() => document.querySelector("output").textContent === "idle", PATIENCE);
const has = (page, text) =>
  page.waitForFunction(
    (text) => [...document.querySelectorAll("p.ai")].some(({ textContent }) => textContent === text),
    PATIENCE,
    text,
  );

/** Every text that was shown is a beginning of the whole. */
function check(seen, whole) {
  for (const text of seen) assert.ok(whole.startsWith(text), `${JSON.stringify(text)} does not begin the answer`);
}

test("a message is sent, and its answer comes word by word", async () => {
  const page = await open({ assistant: "chat", pause: 0.03 });
  const whole = "You said: one two three four";
  await say(page, "one two three four");
  await has(page, whole);
  await idle(page);
  const seen = await page.evaluate(() => window.seen);
  check(seen, whole);
  assert.ok(seen.length > 3, `the answer came at once: ${JSON.stringify(seen)}`);
  assert.deepEqual([await texts(page, "human"), await texts(page, "ai")], [["one two three four"], [whole]]);
  await page.close();
});

test("a run asks, and goes on with the answer", async () => {
  const page = await open({ assistant: "showcase" });
  await say(page, "hello");
  await page.waitForSelector("#answer", PATIENCE);
  assert.equal(await page.$eval("#answer", ({ textContent }) => textContent), "Are we good?");
  await page.click("#answer");
  await page.waitForFunction(
    () => JSON.parse(document.querySelector("pre").textContent).items?.at(-1) === "sub",
    PATIENCE,
  );
  await idle(page);
  assert.equal(await page.$("#answer"), null);
  await page.close();
});

test("a page that is reloaded in the middle of an answer goes on with it", async () => {
  const words = Array.from({ length: 30 }, (_, index) => `w${index}`).join(" ");
  const whole = `You said: ${words}`;
  const page = await open({ assistant: "chat", pause: 0.05 });
  await say(page, words);
  for (let times = 1; times <= 2; times += 1) {
    const part = whole.split(" ").slice(0, times * 8).join(" ");
    await page.waitForFunction((part) => window.seen.some((text) => text.startsWith(part)), PATIENCE, part);
    const before = await page.evaluate(() => window.seen);
    check(before, whole);
    assert.notEqual(before.at(-1), whole);
    await page.reload();
    await page.waitForSelector("input", PATIENCE);
  }
  await has(page, whole);
  await idle(page);
  const seen = await page.evaluate(() => window.seen);
  check(seen, whole);
  assert.ok(seen.length > 3, `it was not joined again: ${JSON.stringify(seen)}`);
  assert.deepEqual([await texts(page, "human"), await texts(page, "ai")], [[words], [whole]]);
  await page.close();
});
