// What the scripts share: where the server is, and a client for it.
//
// Each script is a suite of `node:test`; `EDDYLINE_URL` names the server that it tests.

import { Client } from "@langchain/langgraph-sdk";

export const apiUrl = process.env.EDDYLINE_URL;
export const client = new Client({ apiUrl });

export const TOPIC = { topic: "ice cream" };
export const REFINED = { topic: "ice cream and cats" };
export const JOKE = { joke: "This is a joke about ice cream and cats" };
export const UPDATES = [{ refine_topic: REFINED }, { generate_joke: JOKE }];
export const VALUES = [TOPIC, REFINED, { ...REFINED, ...JOKE }];

/** A new thread. */
export async function newThread() {
  return (await client.threads.create()).thread_id;
}

/** Everything that a stream has to tell. */
export async function collect(stream) {
  const chunks = [];
  for await (const chunk of stream) {
    // With ids, the client of this version takes each heartbeat for a chunk without a name.
    if (chunk.event) chunks.push(chunk);
  }
  return chunks;
}

/** What the chunks carry. */
export const dataOf = (chunks) => chunks.map((chunk) => chunk.data);
