"""Assistants of one's own: made, found, changed, taken back, run and deleted."""

import unittest
from uuid import uuid4

from client import ClientTest
from langgraph_sdk.errors import APIStatusError


class Assistants(ClientTest):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.assistants = self.client.assistants

    async def refused(self, status: int, request) -> None:
        with self.assertRaises(APIStatusError) as raised:
            await request
        self.assertEqual(raised.exception.status_code, status)

    async def test_made_and_found(self) -> None:
        mark = str(uuid4())
        made = await self.assistants.create(
            "agent", config={"configurable": {"a": 1}}, metadata={"mark": mark}, name="Mine", description="dry"
        )
        self.assertEqual((made["context"], made["version"], made["description"]), ({"a": 1}, 1, "dry"))
        self.assertEqual(await self.assistants.get(made["assistant_id"]), made)
        self.assertEqual(await self.assistants.search(metadata={"mark": mark}), [made])
        self.assertEqual(await self.assistants.count(metadata={"mark": mark}), 1)
        again = {"graph_id": "slow", "assistant_id": made["assistant_id"]}
        self.assertEqual(await self.assistants.create(**again, if_exists="do_nothing"), made)
        await self.refused(409, self.assistants.create(**again))
        await self.refused(404, self.assistants.create("nope"))

    async def test_changed_and_taken_back(self) -> None:
        first = await self.assistants.create("agent", context={"a": 1}, metadata={"m": 1})
        assistant_id = first["assistant_id"]
        second = await self.assistants.update(assistant_id, context={"b": 2}, metadata={"n": 2}, name="two")
        self.assertEqual((second["version"], second["metadata"]), (2, {"m": 1, "n": 2}))
        self.assertEqual(second["config"], {"configurable": {"b": 2}})
        versions = await self.assistants.get_versions(assistant_id)
        self.assertEqual([version["version"] for version in versions], [2, 1])
        self.assertEqual(await self.assistants.get_versions(assistant_id, metadata={"n": 2}), versions[:1])
        back = await self.assistants.set_latest(assistant_id, 1)
        self.assertEqual(back | {"updated_at": None}, first | {"updated_at": None})
        third = await self.assistants.update(assistant_id, graph_id="slow")
        self.assertEqual((third["version"], third["graph_id"], third["context"]), (3, "slow", {"a": 1}))
        schemas = await self.assistants.get_schemas(assistant_id)
        self.assertEqual(schemas["graph_id"], "slow")

    async def test_run(self) -> None:
        assistant = await self.assistants.create("memory", context={"user": "me"}, metadata={"team": "blue"})
        thread_id = await self.thread()
        await self.client.runs.wait(thread_id, assistant["assistant_id"], input={"topic": "a"})
        [run] = await self.client.runs.list(thread_id)
        self.assertEqual(run["assistant_id"], assistant["assistant_id"])
        self.assertEqual(run["metadata"]["team"], "blue")
        self.assertEqual(run["kwargs"]["context"], {"user": "me"})

    async def test_deleted(self) -> None:
        assistant_id = (await self.assistants.create("slow"))["assistant_id"]
        thread_id = await self.thread()
        run = await self.client.runs.create(thread_id, assistant_id, input={"seconds": 0.05, "steps": 2000})
        await self.assistants.delete(assistant_id)
        await self.client.runs.join(thread_id, run["run_id"])
        self.assertEqual((await self.client.runs.get(thread_id, run["run_id"]))["status"], "interrupted")
        await self.refused(404, self.assistants.get(assistant_id))
        await self.refused(404, self.assistants.delete(assistant_id))

    async def test_deleted_with_its_threads(self) -> None:
        assistant_id = (await self.assistants.create("agent"))["assistant_id"]
        thread_id = await self.thread()
        await self.client.runs.wait(thread_id, assistant_id, input={"topic": "a"})
        await self.assistants.delete(assistant_id, delete_threads=True)
        await self.refused(404, self.client.threads.get(thread_id))


if __name__ == "__main__":
    unittest.main()
