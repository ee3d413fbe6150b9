// `useStream` of `@langchain/langgraph-sdk/react`, which speaks the API of runs, in a page.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { check, has, idle, lastItem, PATIENCE, reload, say, seen, start, texts } from "./pages.js";

let site;
before(async () => (site = await start("chat.jsx")));
after(() => site?.end());

test("a message is sent, and its answer comes word by word", async () => {
  const page = await site.open({ assistant: "chat", pause: 0.03 });
  const whole = "You said: one two three four";
  await say(page, "one two three four");
  await has(page, whole);
  await idle(page);
  const told = await seen(page);
  check(told, whole);
  assert.ok(told.length > 3, `the answer came at once: ${JSON.stringify(told)}`);
  assert.deepEqual([await texts(page, "human"), await texts(page, "ai")], [["one two three four"], [whole]]);
  await page.close();
});

test("a run asks, and goes on with the answer", async () => {
  const page = await site.open({ assistant: "showcase" });
  await say(page, "hello");
  await page.waitForSelector("#answer", PATIENCE);
  assert.equal(await page.$eval("#answer", ({ textContent }) => textContent), "Are we good?");
  await page.click("#answer");
  await lastItem(page, "sub");
  await idle(page);
  assert.equal(await page.$("#answer"), null);
  await page.close();
});

test("a page that is reloaded in the middle of an answer goes on with it", async () => {
  const page = await site.open({ assistant: "chat", pause: 0.05 });
  await reload(page);
  await page.close();
});
