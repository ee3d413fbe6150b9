// Crons: made, found, changed, counted and deleted.

import assert from "node:assert/strict";
import { test } from "node:test";

import { TOPIC, client, newThread } from "./client.js";

const { crons } = client;
const schedule = "0 0 1 1 *";
const NOBODY = "00000000-0000-0000-0000-000000000001";

test("without a thread", async () => {
  const cron = await crons.create("agent", { schedule, input: TOPIC, onRunCompleted: "keep", metadata: { a: 1 } });
  assert.deepEqual([cron.thread_id, cron.on_run_completed, cron.enabled], [null, "keep", true]);
  assert.equal(cron.payload.config.configurable.cron_id, cron.cron_id);
  assert.deepEqual([cron.payload.input, cron.metadata], [TOPIC, { a: 1 }]);
  await crons.delete(cron.cron_id);
  await assert.rejects(crons.delete(cron.cron_id), { status: 404 });
});

test("on a thread", async () => {
  const threadId = await newThread();
  const cron = await crons.createForThread(threadId, "agent", { schedule, multitaskStrategy: "interrupt" });
  const other = await crons.createForThread(threadId, "agent", { schedule, enabled: false });
  assert.deepEqual([cron.thread_id, cron.payload.multitask_strategy], [threadId, "interrupt"]);
  assert.deepEqual(await crons.search({ threadId }), [other, cron]);
  assert.deepEqual(await crons.search({ threadId, enabled: false, assistantId: cron.assistant_id }), [other]);
  const page = { threadId, limit: 1, offset: 1, sortBy: "created_at", sortOrder: "asc", select: ["cron_id"] };
  assert.deepEqual(await crons.search(page), [{ cron_id: other.cron_id }]);
  assert.equal(await crons.count({ threadId }), 2);
  await client.threads.delete(threadId);
  assert.equal(await crons.count({ threadId }), 0);
});

test("changed", async () => {
  const { cron_id: cronId } = await crons.create("agent", { schedule });
  const endTime = "2090-01-01T00:00:00.000Z";
  const changed = await crons.update(cronId, { schedule: "@daily", endTime, enabled: false, metadata: { b: 2 } });
  assert.deepEqual([changed.schedule, changed.enabled, changed.metadata], ["@daily", false, { b: 2 }]);
  assert.equal(new Date(changed.end_time).toISOString(), endTime);
  assert.equal((await crons.update(cronId, { endTime: null })).end_time, null);
});

test("refused", async () => {
  await assert.rejects(crons.create("agent", { schedule: "now and then" }), { status: 422 });
  await assert.rejects(crons.create("nobody", { schedule }), { status: 404 });
  await assert.rejects(crons.createForThread(NOBODY, "agent", { schedule }), { status: 404 });
  await assert.rejects(crons.update(NOBODY, { enabled: false }), { status: 404 });
});
