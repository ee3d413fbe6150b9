// A stream whose connection breaks in the middle: the client takes it up again by itself, and misses nothing.
//
// `EDDYLINE_URL` names a proxy here, which breaks each stream once, within an event.

import assert from "node:assert/strict";
import { test } from "node:test";

import { client, collect, dataOf, newThread } from "./client.js";

const input = { seconds: 0.05, steps: 30 };
// Without a thread the run may be over, and be gone unless it is kept, before the client is back.
const payload = { input, streamMode: "custom", streamResumable: true, onCompletion: "keep" };

async function check(threadId) {
  const [named, ...chunks] = await collect(client.runs.stream(threadId, "slow", payload));
  assert.equal(named.event, "metadata");
  assert.deepEqual(dataOf(chunks), [...Array(30).keys()].map((step) => ({ step })));
}

test("on a thread", async () => check(await newThread()));

test("without a thread", async () => check(null));
