// Every public method of the client is called and its result checked.
//
// Each method that is called stands in the report as `called PART.METHOD`; one that the client has and nobody calls fails
// the test. What its parts share is for themselves: `prepareFetchOptions`, `fetch`, `streamWithRetry`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { client, collect, dataOf, JOKE, REFINED, TOPIC, UPDATES } from "./client.js";

const PARTS = ["assistants", "threads", "runs", "crons", "store"];
const SHARED = ["constructor", "prepareFetchOptions", "fetch", "streamWithRetry"];
const SLOW = { seconds: 0.1, steps: 600 };
const YEARLY = "0 0 1 1 *";
const DONE = { ...REFINED, ...JOKE };
const mine = { of: "methods.js" };

const called = new Set();
const [assistants, threads, runs, crons, store] = PARTS.map((name) => {
  const get = (part, method) => {
    const value = part[method];
    if (typeof value !== "function") return value;
    return (...given) => {
      called.add(`${name}.${method}`);
      return value.apply(part, given);
    };
  };
  return new Proxy(client[name], { get });
});

async function ofAssistants() {
  const made = await assistants.create({ graphId: "agent", name: "Mine", metadata: mine });
  const id = made.assistant_id;
  assert.deepEqual(await assistants.get(id), made);
  assert.equal((await assistants.getGraph(id)).nodes[0].id, "__start__");
  assert.equal((await assistants.getSchemas(id)).graph_id, "agent");
  assert.deepEqual(await assistants.getSubgraphs(id), {});
  assert.equal((await assistants.update(id, { name: "Ours" })).version, 2);
  assert.deepEqual((await assistants.getVersions(id)).map(({ name }) => name), ["Ours", "Mine"]);
  assert.equal((await assistants.setLatest(id, 1)).name, "Mine");
  assert.deepEqual((await assistants.search({ metadata: mine })).map((found) => found.assistant_id), [id]);
  assert.equal(await assistants.count({ metadata: mine }), 1);
  await assistants.delete(id);
  assert.equal(await assistants.count({ metadata: mine }), 0);
}

async function ofThreads() {
  const thread = await threads.create({ metadata: mine });
  const id = thread.thread_id;
  assert.deepEqual(await threads.get(id), thread);
  await runs.wait(id, "agent", { input: TOPIC });
  assert.deepEqual((await threads.getState(id)).values, DONE);
  await threads.updateState(id, { values: { topic: "rain" }, asNode: "refine_topic" });
  const [newest, before] = await threads.getHistory(id);
  assert.deepEqual([newest.values.topic, before.values], ["rain", DONE]);
  assert.equal((await threads.update(id, { metadata: { more: 1 } })).metadata.more, 1);
  await threads.patchState(id, { patched: true });
  assert.equal((await threads.get(id)).metadata.patched, true);
  assert.deepEqual((await threads.search({ metadata: mine })).map((found) => found.thread_id), [id]);
  const copied = await threads.copy(id);
  assert.equal(await threads.count({ metadata: mine }), 2);
  for (const of of [id, copied.thread_id]) await threads.delete(of);
  assert.equal(await threads.count({ metadata: mine }), 0);

  const told = await threads.create();
  await runs.create(told.thread_id, "agent", { input: TOPIC, streamMode: "updates", streamResumable: true });
  const [seen, left] = [[], new AbortController()];
  // It does not end with the run, and goes on when its reader does.
  for await (const chunk of threads.joinStream(told.thread_id, { lastEventId: "-", signal: left.signal })) {
    if (chunk.event === "updates") seen.push(chunk.data);
    if (seen.length === UPDATES.length) break;
  }
  left.abort();
  assert.deepEqual(seen, UPDATES);
}

async function ofRuns() {
  const id = (await threads.create()).thread_id;
  const told = await collect(runs.stream(id, "agent", { input: TOPIC, streamMode: "updates" }));
  assert.deepEqual(dataOf(told).slice(1), UPDATES);
  assert.deepEqual(await runs.wait(id, "agent", { input: TOPIC }), DONE);
  const asked = { input: TOPIC, streamMode: "updates", streamResumable: true };
  const { run_id: run } = await runs.create(id, "agent", asked);
  assert.deepEqual(await runs.join(id, run), DONE);
  const again = await collect(runs.joinStream(id, run, { lastEventId: "-1" }));
  assert.deepEqual(dataOf(again.filter(({ event }) => event === "updates")), UPDATES);
  assert.equal((await runs.get(id, run)).status, "success");
  assert.equal((await runs.list(id)).length, 3);
  await runs.delete(id, run);
  assert.equal((await runs.list(id)).length, 2);
  const { run_id: slow } = await runs.create(id, "slow", { input: SLOW });
  await runs.cancel(id, slow, true);
  assert.equal((await runs.get(id, slow)).status, "interrupted");
  // The client passes on what else it is given by the names that it has.
  const payload = { assistantId: "agent", input: TOPIC, on_completion: "keep" };
  for (const run of await runs.createBatch([payload, payload])) {
    assert.deepEqual(await runs.join(run.thread_id, run.run_id), DONE);
  }
}

async function ofCrons() {
  const thread = (await threads.create()).thread_id;
  const cron = await crons.create("agent", { schedule: YEARLY, input: TOPIC, metadata: mine });
  const onThread = await crons.createForThread(thread, "agent", { schedule: YEARLY, input: TOPIC, metadata: mine });
  assert.equal(onThread.thread_id, thread);
  assert.equal(await crons.count({ metadata: mine }), 2);
  assert.equal((await crons.update(cron.cron_id, { enabled: false })).enabled, false);
  assert.deepEqual((await crons.search({ threadId: thread })).map((found) => found.cron_id), [onThread.cron_id]);
  for (const made of [cron, onThread]) await crons.delete(made.cron_id);
  assert.equal(await crons.count({ metadata: mine }), 0);
}

async function ofTheStore() {
  const namespace = ["methods-js", "notes"];
  await store.putItem(namespace, "one", { text: "hello" });
  assert.deepEqual((await store.getItem(namespace, "one")).value, { text: "hello" });
  const { items } = await store.searchItems(["methods-js"], { filter: { text: "hello" } });
  assert.deepEqual(items.map(({ key }) => key), ["one"]);
  assert.deepEqual((await store.listNamespaces({ prefix: ["methods-js"] })).namespaces, [namespace]);
  await store.deleteItem(namespace, "one");
  assert.deepEqual((await store.searchItems(["methods-js"])).items, []);
}

test("every method", async () => {
  await ofAssistants();
  await ofThreads();
  await ofRuns();
  await ofCrons();
  await ofTheStore();
  const there = new Set();
  for (const part of PARTS) {
    for (let of = client[part]; of !== Object.prototype; of = Object.getPrototypeOf(of)) {
      for (const name of Object.getOwnPropertyNames(of)) {
        if (typeof of[name] === "function" && !SHARED.includes(name)) there.add(`${part}.${name}`);
      }
    }
  }
  assert.deepEqual([...called].sort(), [...there].sort());
  for (const name of [...called].sort()) console.log(`called ${name}`);
});
