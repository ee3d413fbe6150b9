"""Every public method of the clients, with and without `async`, is called and its result checked.

Each method that is called stands in the report as `called KIND PART.METHOD`; one that the clients have and nobody calls
fails the test.
"""

import inspect
import unittest

from client import JOKE, REFINED, TOPIC, UPDATES, URL
from langgraph_sdk import get_client, get_sync_client

PARTS = ("assistants", "threads", "runs", "crons", "store")
SLOW = {"seconds": 0.1, "steps": 600}
YEARLY = "0 0 1 1 *"
DONE = REFINED | JOKE


class Part:
    """A part of a client that notes which of its methods are called, and waits for their answers."""

    def __init__(self, name, part, called):
        self.name, self.part, self.called = name, part, called

    def __getattr__(self, method):
        async def call(*given, **named):
            self.called.add(f"{self.name}.{method}")
            answer = getattr(self.part, method)(*given, **named)
            return await answer if inspect.isawaitable(answer) else answer

        return call


async def chunks(stream, last=None):
    """Everything that a stream has to tell, or what it tells until something is `last`."""
    told = []
    if hasattr(stream, "__aiter__"):
        async for chunk in stream:
            told.append(chunk)
            if last is not None and chunk.data == last:
                break
    else:
        for chunk in stream:
            told.append(chunk)
            if last is not None and chunk.data == last:
                break
    return told


class Methods(unittest.IsolatedAsyncioTestCase):
    maxDiff = None

    async def everything(self, client, kind) -> None:
        called = set()
        self.assistants, self.threads, self.runs, self.crons, self.store = (
            Part(name, getattr(client, name), called) for name in PARTS
        )
        await self.of_assistants()
        await self.of_threads()
        await self.of_runs()
        await self.of_crons()
        await self.of_the_store()
        await self.of_streams_of_a_thread()
        there = {
            f"{part}.{name}"
            for part in PARTS
            for name, value in inspect.getmembers(getattr(client, part))
            if not name.startswith("_") and callable(value)
        }
        self.assertEqual(there, called)
        for name in sorted(called):
            print(f"called {kind} {name}")

    async def of_assistants(self) -> None:
        a, mine = self.assistants, {"of": "methods"}
        made = await a.create("agent", name="Mine", metadata=mine)
        assistant_id = made["assistant_id"]
        self.assertEqual(await a.get(assistant_id), made)
        self.assertEqual([node["id"] for node in (await a.get_graph(assistant_id))["nodes"]][0], "__start__")
        self.assertEqual((await a.get_schemas(assistant_id))["graph_id"], "agent")
        self.assertEqual(list(await a.get_subgraphs(assistant_id)), [])
        changed = await a.update(assistant_id, name="Ours")
        self.assertEqual((changed["name"], changed["version"]), ("Ours", 2))
        versions = await a.get_versions(assistant_id)
        self.assertEqual([version["name"] for version in versions], ["Ours", "Mine"])
        self.assertEqual((await a.set_latest(assistant_id, 1))["name"], "Mine")
        self.assertEqual([found["assistant_id"] for found in await a.search(metadata=mine)], [assistant_id])
        self.assertEqual(await a.count(metadata=mine), 1)
        await a.delete(assistant_id)
        self.assertEqual(await a.count(metadata=mine), 0)

    async def of_threads(self) -> None:
        t, mine = self.threads, {"of": "methods"}
        thread = await t.create(metadata=mine)
        thread_id = thread["thread_id"]
        self.assertEqual(await t.get(thread_id), thread)
        await self.runs.wait(thread_id, "agent", input=TOPIC)
        self.assertEqual((await t.get_state(thread_id))["values"], DONE)
        await t.update_state(thread_id, {"topic": "rain"}, as_node="refine_topic")
        history = await t.get_history(thread_id, limit=10)
        self.assertEqual([history[0]["values"]["topic"], history[1]["values"]], ["rain", DONE])
        self.assertEqual((await t.update(thread_id, metadata={"more": 1}))["metadata"]["more"], 1)
        self.assertEqual([found["thread_id"] for found in await t.search(metadata=mine)], [thread_id])
        copied = (await t.copy(thread_id))["thread_id"]
        self.assertEqual(await t.count(metadata=mine), 2)
        self.assertEqual((await t.prune([copied]))["pruned_count"], 1)
        await t.delete(thread_id)
        self.assertEqual(await t.count(metadata=mine), 0)

    async def of_runs(self) -> None:
        r, thread_id = self.runs, (await self.threads.create())["thread_id"]
        told = await chunks(await r.stream(thread_id, "agent", input=TOPIC, stream_mode="updates"))
        self.assertEqual([chunk.data for chunk in told[1:]], UPDATES)
        self.assertEqual(await r.wait(thread_id, "agent", input=TOPIC), DONE)
        run = await r.create(thread_id, "agent", input=TOPIC, stream_resumable=True, stream_mode="updates")
        run_id = run["run_id"]
        self.assertEqual(await r.join(thread_id, run_id), DONE)
        again = await chunks(await r.join_stream(thread_id, run_id, last_event_id="-1"))
        self.assertEqual([chunk.data for chunk in again if chunk.event == "updates"], UPDATES)
        self.assertEqual((await r.get(thread_id, run_id))["status"], "success")
        self.assertEqual(len(await r.list(thread_id)), 3)
        await r.delete(thread_id, run_id)
        self.assertEqual(len(await r.list(thread_id)), 2)
        slow = [(await r.create(thread_id, "slow", input=SLOW))["run_id"] for _ in range(2)]
        await r.cancel(thread_id, slow[0], wait=True)
        self.assertEqual((await r.get(thread_id, slow[0]))["status"], "interrupted")
        await r.cancel_many(thread_id=thread_id, run_ids=slow[1:])
        await r.join(thread_id, slow[1])
        self.assertEqual((await r.get(thread_id, slow[1]))["status"], "interrupted")
        payload = {"assistant_id": "agent", "input": TOPIC, "on_completion": "keep"}
        batch = await r.create_batch([payload, payload])
        for run in batch:
            self.assertEqual(await r.join(run["thread_id"], run["run_id"]), DONE)

    async def of_crons(self) -> None:
        c, thread_id, mine = self.crons, (await self.threads.create())["thread_id"], {"of": "methods"}
        cron = await c.create("agent", schedule=YEARLY, input=TOPIC, metadata=mine)
        on_thread = await c.create_for_thread(
            thread_id, "agent", schedule=YEARLY, input=TOPIC, metadata=mine
        )
        self.assertEqual(on_thread["thread_id"], thread_id)
        self.assertEqual(await c.count(metadata=mine), 2)
        self.assertFalse((await c.update(cron["cron_id"], enabled=False))["enabled"])
        self.assertEqual([found["cron_id"] for found in await c.search(thread_id=thread_id)], [on_thread["cron_id"]])
        for made in (cron, on_thread):
            await c.delete(made["cron_id"])
        self.assertEqual(await c.count(metadata=mine), 0)

    async def of_the_store(self) -> None:
        s, namespace = self.store, ["methods", "notes"]
        await s.put_item(namespace, "one", {"text": "hello"})
        self.assertEqual((await s.get_item(namespace, "one"))["value"], {"text": "hello"})
        found = await s.search_items(["methods"], filter={"text": "hello"})
        self.assertEqual([item["key"] for item in found["items"]], ["one"])
        self.assertEqual((await s.list_namespaces(prefix=["methods"]))["namespaces"], [namespace])
        await s.delete_item(namespace, "one")
        self.assertEqual((await s.search_items(["methods"]))["items"], [])

    async def of_streams_of_a_thread(self) -> None:
        stream = await self.threads.stream(assistant_id="agent")
        if hasattr(stream, "__aenter__"):
            async with stream as thread:
                await thread.run.start(input=TOPIC)
                self.assertEqual(await thread.output, DONE)
        else:
            with stream as thread:
                thread.run.start(input=TOPIC)
                self.assertEqual(thread.output, DONE)
        thread_id = (await self.threads.create())["thread_id"]
        await self.runs.create(thread_id, "agent", input=TOPIC, stream_mode="updates", stream_resumable=True)
        # It does not end with the run.
        told = await chunks(await self.threads.join_stream(thread_id, last_event_id="-"), UPDATES[1])
        self.assertEqual([chunk.data for chunk in told if chunk.event == "updates"], UPDATES)

    async def test_with_async(self) -> None:
        async with get_client(url=URL) as client:
            await self.everything(client, "async")

    async def test_without_async(self) -> None:
        with get_sync_client(url=URL) as client:
            await self.everything(client, "sync")


if __name__ == "__main__":
    unittest.main()
