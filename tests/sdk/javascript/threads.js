// Threads and their states: read, changed, gone back to, asked for an answer; and the assistants of the server.

import assert from "node:assert/strict";
import { test } from "node:test";

import { JOKE, REFINED, TOPIC, UPDATES, client, collect, dataOf, newThread } from "./client.js";

const TOLD = { ...REFINED, ...JOKE };

/** A thread on which a joke was told. */
async function told() {
  const threadId = await newThread();
  await client.runs.wait(threadId, "agent", { input: TOPIC });
  return threadId;
}

async function assistantOf(graphId) {
  const [assistant] = await client.assistants.search({ graphId });
  return assistant.assistant_id;
}

test("created, changed and deleted", async () => {
  const thread = await client.threads.create({ metadata: { a: 1 } });
  const threadId = thread.thread_id;
  assert.deepEqual(await client.threads.get(threadId), thread);
  await assert.rejects(client.threads.create({ threadId }), { status: 409 });
  assert.deepEqual(await client.threads.create({ threadId, ifExists: "do_nothing" }), thread);
  const changed = await client.threads.update(threadId, { metadata: { b: 2 } });
  assert.deepEqual(changed.metadata, { a: 1, b: 2 });
  await client.threads.delete(threadId);
  await assert.rejects(client.threads.get(threadId), { status: 404 });
});

test("state", async () => {
  const threadId = await newThread();
  const empty = await client.threads.getState(threadId);
  assert.deepEqual([empty.values, empty.next], [{}, []]);
  await client.runs.wait(threadId, "agent", { input: TOPIC });
  const state = await client.threads.getState(threadId);
  assert.deepEqual([state.values, state.next, state.tasks], [TOLD, [], []]);
  assert.deepEqual(await client.threads.getState(threadId, state.checkpoint), state);
  const same = await client.threads.getState(threadId, state.checkpoint.checkpoint_id);
  assert.deepEqual(same.values, state.values);
});

test("history", async () => {
  const threadId = await told();
  const history = await client.threads.getHistory(threadId);
  assert.deepEqual(history.map((state) => state.metadata.step), [2, 1, 0, -1]);
  assert.deepEqual(history[0].parent_checkpoint, history[1].checkpoint);
  const before = { configurable: history[1].checkpoint };
  assert.deepEqual(await client.threads.getHistory(threadId, { before, limit: 1 }), history.slice(2, 3));
  const inputs = await client.threads.getHistory(threadId, { metadata: { source: "input" } });
  assert.deepEqual(inputs, history.slice(3));
});

test("changed by hand", async () => {
  const threadId = await told();
  const changed = await client.threads.updateState(threadId, { values: { topic: "rain" }, asNode: "refine_topic" });
  const state = await client.threads.getState(threadId);
  assert.deepEqual(state.checkpoint, changed.checkpoint);
  assert.deepEqual(state.next, ["generate_joke"]);
  const values = await client.runs.wait(threadId, "agent", { input: null });
  assert.equal(values.joke, "This is a joke about rain");
  const wrong = client.threads.updateState(threadId, { values: { topic: "rain" }, asNode: "no-such-node" });
  await assert.rejects(wrong, { status: 400 });
});

test("gone back to", async () => {
  const threadId = await told();
  const [, { checkpoint }] = await client.threads.getHistory(threadId);
  const payload = { input: null, checkpoint, streamMode: "updates" };
  const chunks = await collect(client.runs.stream(threadId, "agent", payload));
  assert.deepEqual(dataOf(chunks).slice(1), UPDATES.slice(1));
});

test("asked and answered", async () => {
  const threadId = await newThread();
  const asked = await client.runs.wait(threadId, "approval", { input: TOPIC });
  const question = { question: "ok?", topic: "ice cream and cats" };
  assert.deepEqual(asked.__interrupt__.map(({ value }) => value), [question]);
  const thread = await client.threads.get(threadId);
  const state = await client.threads.getState(threadId);
  assert.deepEqual([thread.status, state.next], ["interrupted", ["ask"]]);
  assert.deepEqual(thread.interrupts, { [state.tasks[0].id]: state.tasks[0].interrupts });
  const payload = { command: { resume: "yes" }, streamMode: "updates" };
  const chunks = await collect(client.runs.stream(threadId, "approval", payload));
  assert.deepEqual(dataOf(chunks).slice(1), [{ ask: { joke: "answer=yes" } }]);
  assert.equal((await client.threads.get(threadId)).status, "idle");
});

test("stopped before a node", async () => {
  const threadId = await newThread();
  const stopped = await client.runs.wait(threadId, "agent", { input: TOPIC, interruptBefore: ["generate_joke"] });
  assert.deepEqual(stopped, REFINED);
  assert.deepEqual(await client.runs.wait(threadId, "agent", { input: null }), TOLD);
});

test("a question from below", async () => {
  const threadId = await newThread();
  await client.runs.wait(threadId, "deep", { input: { out: [] } });
  let state = await client.threads.getState(threadId, undefined, { subgraphs: true });
  const tasks = [];
  while (state) {
    tasks.push(state.tasks[0]);
    state = state.tasks[0].state;
  }
  assert.deepEqual(tasks.map(({ name }) => name), ["gp_two", "p_two", "c_two"]);
  assert.equal(tasks.at(-1).interrupts[0].value, "how deep?");
});

test("assistants are found", async () => {
  const assistant = await client.assistants.get(await assistantOf("agent"));
  assert.deepEqual([assistant.graph_id, assistant.version], ["agent", 1]);
  assert.equal(await client.assistants.count({ graphId: "agent" }), 1);
  const page = await client.assistants.search({ limit: 2, includePagination: true });
  assert.deepEqual([page.assistants.length, page.next], [2, "2"]);
  assert.deepEqual(await client.runs.wait(null, assistant.assistant_id, { input: TOPIC }), TOLD);
});

test("graphs are drawn and described", async () => {
  const drawn = await client.assistants.getGraph(await assistantOf("nested"), { xray: true });
  assert.ok(drawn.nodes.some(({ id }) => id === "node_2:subgraph_node_1"), JSON.stringify(drawn));
  const schemas = await client.assistants.getSchemas(await assistantOf("agent"));
  assert.deepEqual(Object.keys(schemas.state_schema.properties), ["topic", "joke"]);
  const subgraphs = await client.assistants.getSubgraphs(await assistantOf("deep"), { recurse: true });
  assert.deepEqual(Object.keys(subgraphs), ["gp_two", "gp_two|p_two"]);
  const below = await client.assistants.getSubgraphs(await assistantOf("nested"), { namespace: "node_2" });
  assert.deepEqual(Object.keys(below), ["node_2"]);
});
