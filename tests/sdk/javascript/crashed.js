// A server that is killed in the middle of a stream and started again: the stream goes on with the next attempt.
//
// `EDDYLINE_URL` names a proxy here, which breaks the stream and knows the new server.

import assert from "node:assert/strict";
import { test } from "node:test";

import { client, collect, newThread } from "./client.js";

test("the stream goes on", async () => {
  const threadId = await newThread();
  const payload = { input: { seconds: 0.05, steps: 60 }, streamMode: "custom", streamResumable: true };
  const chunks = await collect(client.runs.stream(threadId, "slow", payload));
  const attempts = chunks.filter(({ event }) => event === "metadata");
  assert.deepEqual(attempts.map(({ data }) => data.attempt), [1, 2]);
  const steps = chunks.slice(chunks.indexOf(attempts[1]) + 1).map(({ data }) => data.step);
  assert.deepEqual(steps, [...Array(60).keys()]);
  const { values } = await client.threads.getState(threadId);
  assert.deepEqual(values.out, ["napped", "after"]);
});
