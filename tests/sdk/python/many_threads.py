"""Threads in number: searched, counted, copied, pruned, kept for a time, begun with states."""

import unittest
import uuid

from client import JOKE, REFINED, TOPIC, ClientTest


class ManyThreads(ClientTest):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.threads = self.client.threads
        self.user = {"user": str(uuid.uuid4())}
        self.made = [(await self.threads.create(metadata=self.user | {"n": n}))["thread_id"] for n in range(3)]
        await self.client.runs.wait(self.made[0], "agent", input=TOPIC)

    async def found(self, **search: object) -> list:
        return [thread["thread_id"] for thread in await self.threads.search(**search)]

    async def test_searched(self) -> None:
        by_age = {"sort_by": "created_at", "sort_order": "asc"}
        self.assertEqual(await self.found(metadata=self.user, status="idle", **by_age), self.made)
        self.assertEqual(await self.found(metadata=self.user, limit=2, offset=1, **by_age), self.made[1:])
        self.assertEqual(await self.found(metadata=self.user | {"n": 2}), self.made[2:])
        self.assertEqual(await self.found(metadata=self.user, values=REFINED), self.made[:1])
        self.assertEqual(await self.found(ids=self.made[1:2]), self.made[1:2])

    async def test_counted(self) -> None:
        self.assertEqual(await self.threads.count(metadata=self.user), 3)
        self.assertEqual(await self.threads.count(metadata=self.user, status="busy"), 0)
        self.assertEqual(await self.threads.count(metadata=self.user, values=JOKE), 1)

    async def test_shown_in_part(self) -> None:
        [thread] = await self.threads.search(
            ids=self.made[:1], select=["thread_id"], extract={"topic": "values.topic"}
        )
        self.assertEqual(thread, {"thread_id": self.made[0], "extracted": {"topic": REFINED["topic"]}})

    async def test_copied(self) -> None:
        await self.threads.copy(self.made[0])
        [copy] = await self.found(metadata=self.user, sort_by="created_at", limit=1)
        self.assertNotIn(copy, self.made)
        self.assertEqual((await self.threads.get_state(copy))["values"], REFINED | JOKE)

    async def test_kept_for_a_time(self) -> None:
        made = await self.threads.create(ttl={"ttl": 5, "strategy": "keep_latest"})
        thread = await self.threads.get(made["thread_id"], include=["ttl"])
        self.assertEqual((thread["ttl"]["ttl_minutes"], thread["ttl"]["strategy"]), (5, "keep_latest"))
        await self.threads.update(made["thread_id"], metadata={}, ttl=7)
        thread = await self.threads.get(made["thread_id"], include=["ttl"])
        self.assertEqual((thread["ttl"]["ttl_minutes"], thread["ttl"]["strategy"]), (7, "delete"))

    async def test_begun_with_states(self) -> None:
        steps = [("x", "__input__"), ("y", "refine_topic")]
        supersteps = [{"updates": [{"values": {"topic": topic}, "as_node": node}]} for topic, node in steps]
        thread = await self.threads.create(graph_id="agent", supersteps=supersteps)
        self.assertEqual((thread["status"], thread["values"]), ("interrupted", {"topic": "y"}))

    async def test_pruned(self) -> None:
        pruned = await self.threads.prune(self.made[:1], strategy="keep_latest")
        self.assertEqual(pruned, {"pruned_count": 1})
        self.assertEqual(len(await self.threads.get_history(self.made[0])), 1)
        self.assertEqual(await self.threads.prune(self.made), {"pruned_count": 3})
        self.assertEqual(await self.threads.count(metadata=self.user), 0)


if __name__ == "__main__":
    unittest.main()
