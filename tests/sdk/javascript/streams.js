// The streaming protocol of threads with the client line that speaks it, over both of its transports.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Client } from "langgraph-sdk-streams";
import { StreamController } from "langgraph-sdk-streams/stream";

const client = new Client({ apiUrl: process.env.EDDYLINE_URL, apiKey: null });
const HUMAN = { messages: [{ type: "human", content: "hi", id: "h-1" }] };
const TRANSPORTS = ["sse", "websocket"];

/** Everything that a projection yields, gathered from now on. */
async function all(projection, of = (item) => item) {
  const items = [];
  for await (const item of projection) items.push(await of(item));
  return items;
}

/** The snapshot of a controller, once it is as it should be. */
function snapshot(controller, fits) {
  return new Promise((resolve) => {
    const look = () => {
      const now = controller.rootStore.getSnapshot();
      if (fits(now)) resolve(now);
    };
    controller.rootStore.subscribe(look);
    look();
  });
}

test("values, messages and tool calls", async () => {
  for (const transport of TRANSPORTS) {
    const thread = client.threads.stream({ assistantId: "tools_agent", transport });
    const texts = all(thread.messages, (message) => message.text);
    const calls = all(thread.toolCalls, async (call) => [call.name, call.input, await call.output]);
    const values = all(thread.values, (state) => state.messages.length);
    await thread.run.start({ input: HUMAN });
    const output = await thread.output;
    assert.deepEqual(output.messages.map((message) => message.type), ["human", "ai", "tool", "ai"]);
    assert.deepEqual(await texts, ["", "found v3", "done."]);
    assert.deepEqual(await values, [1, 2, 3, 4]);
    // This client yields a call when it begins and once more when it ends.
    for (const call of await calls) assert.deepEqual(call, ["search", { query: "v3" }, "found v3"]);
    await thread.close();
  }
});

test("a question, its answer, and a graph inside", async () => {
  for (const transport of TRANSPORTS) {
    const thread = client.threads.stream({ assistantId: "showcase", transport });
    await thread.run.start({ input: HUMAN });
    await all(thread.values);
    assert.equal(thread.interrupted, true);
    const [{ interruptId, payload, namespace }] = thread.interrupts;
    assert.equal(payload, "Are we good?");
    const graphs = all(thread.subgraphs, (graph) => graph.name);
    await thread.input.respond({ interrupt_id: interruptId, namespace, response: "yes" });
    assert.deepEqual(await graphs, ["run_subgraph"]);
    const state = await client.threads.getState(thread.threadId);
    assert.deepEqual(state.values.items, ["streamed", "tool", "asked", "sub"]);
    await assert.rejects(
      thread.input.respond({ interrupt_id: interruptId, namespace, response: "again" }),
      /no_such_interrupt|already-consumed/,
    );
    await thread.close();
  }
});

test("what a chat in a page holds", async () => {
  for (const transport of TRANSPORTS) {
    const controller = new StreamController({ client, assistantId: "showcase", transport });
    const release = controller.activate();
    await controller.submit(HUMAN);
    const asked = await snapshot(controller, (now) => now.interrupts.length === 1 && now.messages.length === 4);
    assert.equal(asked.interrupts[0].value, "Are we good?");
    assert.deepEqual(asked.messages.map((message) => message.id), ["h-1", "ai-msg-1", "ai-msg-2", "tool-msg-1"]);
    await controller.respond("yes");
    const done = await snapshot(controller, (now) => !now.isLoading && now.values.items.length === 4);
    assert.deepEqual([done.interrupts, done.error, done.messages.length], [[], undefined, 4]);
    release();
    await controller.dispose();
  }
});

test("a run that is stopped", async () => {
  for (const transport of TRANSPORTS) {
    // Before the client knows its run it has nothing to stop.
    let created;
    const known = new Promise((resolve) => (created = resolve));
    const controller = new StreamController({ client, assistantId: "slow", transport, onCreated: created });
    const release = controller.activate();
    const submitted = controller.submit({ seconds: 0.1, steps: 600 });
    await snapshot(controller, (now) => now.isLoading);
    let runs = [];
    while (runs[0]?.status !== "running") {
      const thread = controller.getThread();
      runs = thread ? await client.runs.list(thread.threadId).catch(() => []) : [];
      await new Promise(setImmediate);
    }
    await known;
    await controller.stop();
    await submitted;
    await snapshot(controller, (now) => !now.isLoading);
    const [run] = await client.runs.list(controller.getThread()?.threadId ?? runs[0].thread_id);
    await client.runs.join(run.thread_id, run.run_id);
    assert.equal((await client.runs.get(run.thread_id, run.run_id)).status, "interrupted");
    release();
    await controller.dispose();
  }
});

test("a failed run", async () => {
  for (const transport of TRANSPORTS) {
    const controller = new StreamController({ client, assistantId: "failing", transport });
    const release = controller.activate();
    await controller.submit({ out: [] });
    const failed = await snapshot(controller, (now) => now.error !== undefined && !now.isLoading);
    assert.equal(failed.error.message, "boom");
    release();
    await controller.dispose();
  }
});
