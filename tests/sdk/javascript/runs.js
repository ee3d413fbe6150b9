// Runs: in the background, waited for, joined, read again, listed, cancelled, deleted; and what errors become.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { test } from "node:test";

import { JOKE, REFINED, TOPIC, UPDATES, client, collect, dataOf, newThread } from "./client.js";

// Long enough to be met while it runs, and cancelled long before its end.
const NAP = { seconds: 0.1, steps: 600 };
const TOLD = { ...REFINED, ...JOKE };

/** A run that has begun. */
async function napping(threadId) {
  const payload = { input: NAP, streamMode: "custom", streamResumable: true };
  const { run_id } = await client.runs.create(threadId, "slow", payload);
  for await (const chunk of client.runs.joinStream(threadId, run_id, { lastEventId: "-1" })) {
    if (chunk.event === "custom") break;
  }
  return run_id;
}

const statuses = async (threadId) => (await client.runs.list(threadId)).map((run) => run.status);

test("created, joined and read", async () => {
  const threadId = await newThread();
  const created = [];
  const payload = { input: TOPIC, metadata: { k: 1 }, onRunCreated: (run) => created.push(run) };
  const { run_id } = await client.runs.create(threadId, "agent", payload);
  assert.deepEqual(created, [{ run_id, thread_id: threadId }]);
  assert.deepEqual(await client.runs.join(threadId, run_id), TOLD);
  const run = await client.runs.get(threadId, run_id);
  assert.deepEqual([run.status, run.multitask_strategy, run.metadata.k], ["success", "enqueue", 1]);
});

test("waited for", async () => {
  assert.deepEqual(await client.runs.wait(null, "agent", { input: TOPIC }), TOLD);
  assert.deepEqual(await client.runs.wait(await newThread(), "agent", { input: TOPIC }), TOLD);
});

test("a failed run is an exception or a value", async () => {
  const input = { out: [] };
  await assert.rejects(client.runs.wait(null, "failing", { input }), { message: "ValueError: boom" });
  const answer = await client.runs.wait(null, "failing", { input, raiseError: false });
  assert.deepEqual(answer, { __error__: { error: "ValueError", message: "boom" } });
});

test("a failed run is told on the stream", async () => {
  const threadId = await newThread();
  const chunks = await collect(client.runs.stream(threadId, "failing", { input: { out: [] } }));
  assert.equal(chunks.at(-1).event, "error");
  assert.deepEqual(chunks.at(-1).data, { error: "ValueError", message: "boom" });
  assert.deepEqual(await statuses(threadId), ["error"]);
});

test("read again from any event", async () => {
  const threadId = await newThread();
  const payload = { input: TOPIC, streamMode: ["updates", "values"], streamResumable: true };
  const chunks = await collect(client.runs.stream(threadId, "agent", payload));
  const runId = chunks[0].data.run_id;
  for (const [position, { id }] of chunks.entries()) {
    const rest = await collect(client.runs.joinStream(threadId, runId, { lastEventId: id }));
    assert.deepEqual(rest, chunks.slice(position + 1));
  }
  const updates = client.runs.joinStream(threadId, runId, { lastEventId: "-1", streamMode: ["updates"] });
  assert.deepEqual(dataOf((await collect(updates)).filter(({ event }) => event === "updates")), UPDATES);
});

test("joined without a thread", async () => {
  const payload = { input: { seconds: 0.1, steps: 10 }, streamMode: "custom", streamResumable: true };
  const { run_id } = await client.runs.create(null, "slow", payload);
  const chunks = await collect(client.runs.joinStream(null, run_id, { lastEventId: "-1" }));
  assert.equal(chunks.filter(({ event }) => event === "custom").length, 10);
});

test("listed", async () => {
  const threadId = await newThread();
  const { run_id } = await client.runs.create(threadId, "agent", { input: TOPIC });
  await client.runs.join(threadId, run_id);
  await assert.rejects(client.runs.wait(threadId, "failing", { input: { out: [] } }));
  assert.deepEqual(await statuses(threadId), ["error", "success"]);
  const runs = await client.runs.list(threadId, { status: "success", select: ["run_id", "status"] });
  assert.deepEqual(runs, [{ run_id, status: "success" }]);
  assert.equal((await client.runs.list(threadId, { limit: 1, offset: 1 })).length, 1);
});

test("cancelled", async () => {
  const threadId = await newThread();
  const runId = await napping(threadId);
  await client.runs.cancel(threadId, runId, true);
  assert.deepEqual(await statuses(threadId), ["interrupted"]);
  await assert.rejects(client.runs.cancel(threadId, runId), { status: 404 });
});

test("rolled back", async () => {
  const threadId = await newThread();
  await client.runs.wait(threadId, "agent", { input: TOPIC });
  const before = await client.threads.getState(threadId);
  await client.runs.cancel(threadId, await napping(threadId), true, "rollback");
  assert.deepEqual(await statuses(threadId), ["success"]);
  assert.deepEqual((await client.threads.getState(threadId)).checkpoint, before.checkpoint);
});

test("deleted", async () => {
  const threadId = await newThread();
  const runId = await napping(threadId);
  await client.runs.delete(threadId, runId);
  await assert.rejects(client.runs.get(threadId, runId), { status: 404 });
  assert.deepEqual(await statuses(threadId), []);
});

test("the second waits or is refused", async () => {
  const threadId = await newThread();
  const first = await napping(threadId);
  const refused = client.runs.create(threadId, "agent", { input: TOPIC, multitaskStrategy: "reject" });
  await assert.rejects(refused, { status: 409 });
  const second = await client.runs.create(threadId, "agent", { input: TOPIC, multitaskStrategy: "enqueue" });
  assert.deepEqual(await statuses(threadId), ["pending", "running"]);
  await client.runs.cancel(threadId, first);
  assert.equal((await client.runs.join(threadId, second.run_id)).joke, JOKE.joke);
});

test("a reader that leaves takes its run along", async () => {
  const threadId = await newThread();
  const leave = new AbortController();
  const payload = { input: NAP, streamMode: "custom", onDisconnect: "cancel", signal: leave.signal };
  for await (const chunk of client.runs.stream(threadId, "slow", payload)) {
    if (chunk.event === "custom") leave.abort();
  }
  const [{ run_id }] = await client.runs.list(threadId);
  await client.runs.join(threadId, run_id);
  assert.deepEqual(await statuses(threadId), ["interrupted"]);
});

test("in a batch", async () => {
  const topics = ["rain", "snow"];
  const runs = await client.runs.createBatch(
    topics.map((topic) => ({ assistantId: "agent", input: { topic }, on_completion: "keep" })),
  );
  const values = await Promise.all(runs.map((run) => client.runs.join(run.thread_id, run.run_id)));
  assert.deepEqual(values.map(({ topic }) => topic), ["rain and cats", "snow and cats"]);
});

test("refused", async () => {
  await assert.rejects(client.runs.create(null, "no-such-graph", { input: TOPIC }), { status: 422 });
  const stream = client.runs.stream(null, "agent", { input: TOPIC, streamMode: "no-such-mode" });
  await assert.rejects(collect(stream), { status: 422 });
  const nowhere = randomUUID();
  await assert.rejects(client.runs.create(nowhere, "agent", { input: TOPIC }), { status: 404 });
  const run = await client.runs.create(nowhere, "agent", { input: TOPIC, ifNotExists: "create" });
  assert.equal(run.thread_id, nowhere);
});
