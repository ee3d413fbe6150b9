// `useStream` of `@langchain/react`, which speaks the streaming protocol, in a page, over both of its transports.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { begins, check, has, idle, lastItem, PATIENCE, reload, say, seen, start, texts } from "./pages.js";

let site;
before(async () => (site = await start("protocol.jsx")));
after(() => site?.end());

const open = (said) => site.open({ transport: process.env.EDDYLINE_TRANSPORT, ...said });

test("a message is sent, and its answer comes word by word", async () => {
  const page = await open({ assistant: "chat", pause: 0.03 });
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

test("tools are called in sight", async () => {
  const page = await open({ assistant: "tools_agent" });
  await say(page, "look for v3");
  await page.waitForSelector("code", PATIENCE);
  await idle(page);
  const calls = await page.$$eval("code", (found) => found.map(({ textContent }) => textContent));
  assert.deepEqual(calls, ['search {"query":"v3"}']);
  assert.equal(JSON.parse(await page.$eval("pre", ({ textContent }) => textContent)).messages.length, 4);
  await page.close();
});

test("a run asks, and goes on with the answer", async () => {
  const page = await open({ assistant: "showcase" });
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
  const page = await open({ assistant: "chat", pause: 0.05 });
  await reload(page);
  await page.close();
});

test("two pages see the same thread", async () => {
  const page = await open({ assistant: "chat", pause: 0.05 });
  const whole = "You said: one two three four five six seven eight";
  await say(page, "one two three four five six seven eight");
  await begins(page, "You said: one");
  const thread = new URL(page.url()).searchParams.get("thread");
  const other = await open({ assistant: "chat", thread });
  for (const of of [page, other]) {
    await has(of, whole);
    await idle(of);
    check(await seen(of), whole);
    assert.deepEqual(await texts(of, "ai"), [whole]);
    await of.close();
  }
});

test("a run is stopped", async () => {
  const page = await open({ assistant: "chat", pause: 0.2 });
  await say(page, "one two three four five six seven eight nine ten");
  await begins(page, "You said: one");
  await page.click("#stop");
  await idle(page);
  const runs = await fetch(
    `${process.env.EDDYLINE_URL}/threads/${new URL(page.url()).searchParams.get("thread")}/runs`,
  ).then((answer) => answer.json());
  assert.deepEqual(runs.map(({ status }) => status), ["interrupted"]);
  await page.close();
});
