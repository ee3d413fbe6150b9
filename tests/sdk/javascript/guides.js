// Every JavaScript example of the guides "Stream outputs" and "How to stream messages", in their order.
//
// Each test is one example, told as the guide tells it, with what it has to print. The guides call every graph
// "agent"; here each has the name under which the server has it.

import { Client } from "@langchain/langgraph-sdk";
import assert from "node:assert/strict";
import { test } from "node:test";

import { JOKE, REFINED, TOPIC, UPDATES, VALUES, apiUrl, client, collect, dataOf, newThread } from "./client.js";

// The guide's own graph takes a `query`.
const QUERY = { topic: "example" };
const PROGRESS = [{ progress: 0 }, { progress: 1 }, { progress: 2 }, "plain text"];

/** The chunks of a run on a new thread, without the first one, which names the run. */
async function streamed(assistantID, payload) {
  const thread = await client.threads.create();
  const threadID = thread["thread_id"];
  const [named, ...chunks] = await collect(client.runs.stream(threadID, assistantID, payload));
  assert.equal(named.event, "metadata");
  assert.deepEqual(named.data, { run_id: named.data.run_id, attempt: 1 });
  return chunks;
}

test("basic usage", async () => {
  const client = new Client({ apiUrl, apiKey: "a key that nobody asks for" });
  const thread = await client.threads.create();
  const streamResponse = client.runs.stream(thread["thread_id"], "agent", { input: TOPIC, streamMode: "updates" });
  assert.deepEqual(dataOf(await collect(streamResponse)).slice(1), UPDATES);
});

test("extended example", async () => {
  const chunks = await streamed("agent", { input: { topic: "ice cream" }, streamMode: "updates" });
  assert.deepEqual(dataOf(chunks), [
    { refine_topic: { topic: "ice cream and cats" } },
    { generate_joke: { joke: "This is a joke about ice cream and cats" } },
  ]);
});

test("several modes", async () => {
  const chunks = await streamed("custom", { input: QUERY, streamMode: ["updates", "custom"] });
  const told = PROGRESS.map((data) => ["custom", data]);
  told.push(["updates", { progress: { joke: "done example" } }]);
  assert.deepEqual(chunks.map((chunk) => [chunk.event, chunk.data]), told);
});

test("stateful run", async () => {
  const thread = await client.threads.create();
  await collect(client.runs.stream(thread["thread_id"], "agent", { input: TOPIC }));
  const state = await client.threads.getState(thread["thread_id"]);
  assert.deepEqual(state.values, { ...REFINED, ...JOKE });
});

test("null instead of a thread", async () => {
  const chunks = await collect(client.runs.stream(null, "agent", { input: TOPIC, streamMode: "updates" }));
  assert.deepEqual(dataOf(chunks).slice(1), UPDATES);
});

test("updates", async () => {
  assert.deepEqual(dataOf(await streamed("agent", { input: TOPIC, streamMode: "updates" })), UPDATES);
});

test("values", async () => {
  assert.deepEqual(dataOf(await streamed("agent", { input: TOPIC, streamMode: "values" })), VALUES);
});

test("subgraphs", async () => {
  const payload = { input: { foo: "foo" }, streamSubgraphs: true, streamMode: "updates" };
  const chunks = await streamed("nested", payload);
  const inner = chunks[1].event;
  assert.match(inner, /^updates\|node_2:[0-9a-f-]{36}$/);
  assert.deepEqual(chunks.map((chunk) => chunk.event), ["updates", inner, inner, "updates"]);
  assert.deepEqual(dataOf(chunks), [
    { node_1: { foo: "hi! foo" } },
    { subgraph_node_1: { bar: "bar" } },
    { subgraph_node_2: { foo: "hi! foobar" } },
    { node_2: { foo: "hi! foobar" } },
  ]);
});

test("debug", async () => {
  const told = dataOf(await streamed("agent", { input: TOPIC, streamMode: "debug" }));
  const kinds = told.map(({ step, type }) => `${step} ${type}`);
  const superstep = (step) => ["task", "task_result", "checkpoint"].map((type) => `${step} ${type}`);
  assert.deepEqual(kinds, ["-1 checkpoint", "0 checkpoint", ...superstep(1), ...superstep(2)]);
  const tasks = told.filter(({ type }) => type === "task").map(({ payload }) => payload.name);
  assert.deepEqual(tasks, ["refine_topic", "generate_joke"]);
  assert.deepEqual(told.at(-1).payload.values, { ...REFINED, ...JOKE });
});

test("tokens", async () => {
  const printed = [];
  for await (const chunk of client.runs.stream(await newThread(), "tagged", {
    input: TOPIC,
    streamMode: "messages-tuple",
  })) {
    if (chunk.event !== "messages") {
      continue;
    }
    printed.push(chunk.data[0]["content"]);
  }
  assert.equal(printed.join("|"), "joke| |on| |ice| |cream|poem| |on| |ice| |cream");
});

test("tokens of one model call, and of one node", async () => {
  const told = dataOf(await streamed("tagged", { input: TOPIC, streamMode: "messages-tuple" }));
  const text = (chosen) => chosen.map(([message]) => message.content).join("");
  assert.equal(text(told.filter(([, metadata]) => metadata.tags.includes("joke"))), "joke on ice cream");
  assert.equal(text(told.filter(([, { langgraph_node }]) => langgraph_node === "write_poem")), "poem on ice cream");
});

test("custom", async () => {
  assert.deepEqual(dataOf(await streamed("custom", { input: QUERY, streamMode: "custom" })), PROGRESS);
});

test("events", async () => {
  const told = dataOf(await streamed("agent", { input: TOPIC, streamMode: "events" }));
  const names = told.map(({ event, name }) => `${event} ${name}`);
  for (const name of ["refine_topic", "generate_joke"]) {
    const start = names.indexOf(`on_chain_start ${name}`);
    assert.ok(start >= 0 && start < names.indexOf(`on_chain_end ${name}`), names.join());
  }
  assert.deepEqual(told.at(-1).data.output, { ...REFINED, ...JOKE });
});

test("how to stream messages: setup", async () => {
  const { thread_id, created_at, updated_at, metadata, status, config, values } = await client.threads.create();
  assert.match(thread_id, /^[0-9a-f-]{36}$/);
  for (const time of [created_at, updated_at]) {
    assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$/);
  }
  assert.deepEqual({ metadata, status, config, values }, { metadata: {}, status: "idle", config: {}, values: null });
});

test("how to stream messages: messages mode", async () => {
  const input = { messages: [{ role: "human", content: "What's the weather in sf" }] };
  const config = { configurable: { model_name: "openai" } };
  const chunks = await streamed("tools", { input, config, streamMode: "messages-tuple" });
  assert.deepEqual(new Set(chunks.map((chunk) => chunk.event)), new Set(["messages"]));
  const told = dataOf(chunks);
  assert.deepEqual(new Set(told.map(([, metadata]) => metadata.graph_id)), new Set(["tools"]));
  const pieces = Array(3).fill("agent AIMessageChunk");
  const steps = told.map(([message, metadata]) => `${metadata.langgraph_node} ${message.type}`);
  assert.deepEqual(steps, [...pieces, "action tool", ...pieces]);
  const messages = told.map(([message]) => message);
  assert.equal(messages[0].tool_calls[0].name, "get_weather");
  const args = messages.slice(0, 3).flatMap((message) => message.tool_call_chunks.map((piece) => piece.args));
  assert.equal(args.join(""), '{"city": "SF"}');
  assert.equal(messages[3].content, "sunny in SF");
  assert.equal(messages[3].tool_call_id, messages[0].tool_calls[0].id);
  assert.equal(messages.slice(4).map((message) => message.content).join(""), "It is sunny.");
});
