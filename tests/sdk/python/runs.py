"""Runs: in the background, waited for, joined, read again, listed, cancelled, deleted; and what errors become."""

import unittest
from uuid import uuid4

from client import JOKE, REFINED, TOPIC, UPDATES, ClientTest
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

# Long enough to be met while it runs, and cancelled long before its end.
NAP = {"seconds": 0.1, "steps": 600}


class Runs(ClientTest):
    async def napping(self, thread_id: str, **payload: object) -> str:
        """A run that has begun."""
        run = await self.client.runs.create(
            thread_id, "slow", input=NAP, stream_mode="custom", stream_resumable=True, **payload
        )
        async for chunk in self.client.runs.join_stream(thread_id, run["run_id"], last_event_id="-1"):
            if chunk.event == "custom":
                break
        return run["run_id"]

    async def statuses(self, thread_id: str) -> list[str]:
        return [run["status"] for run in await self.client.runs.list(thread_id)]

    async def test_created_joined_and_read(self) -> None:
        thread_id = await self.thread()
        created = []
        run = await self.client.runs.create(
            thread_id, "agent", input=TOPIC, metadata={"k": 1}, on_run_created=created.append
        )
        self.assertEqual(created, [{"run_id": run["run_id"], "thread_id": thread_id}])
        self.assertEqual(await self.client.runs.join(thread_id, run["run_id"]), REFINED | JOKE)
        run = await self.client.runs.get(thread_id, run["run_id"])
        self.assertEqual((run["status"], run["multitask_strategy"], run["metadata"]["k"]), ("success", "enqueue", 1))

    async def test_waited_for(self) -> None:
        self.assertEqual(await self.client.runs.wait(None, "agent", input=TOPIC), REFINED | JOKE)
        thread_id = await self.thread()
        self.assertEqual(await self.client.runs.wait(thread_id, "agent", input=TOPIC), REFINED | JOKE)

    async def test_a_failed_run_is_an_exception_or_a_value(self) -> None:
        with self.assertRaisesRegex(Exception, "^ValueError: boom$"):
            await self.client.runs.wait(None, "failing", input={"out": []})
        answer = await self.client.runs.wait(None, "failing", input={"out": []}, raise_error=False)
        self.assertEqual(answer, {"__error__": {"error": "ValueError", "message": "boom"}})

    async def test_a_failed_run_is_told_on_the_stream(self) -> None:
        thread_id = await self.thread()
        chunks = [chunk async for chunk in self.client.runs.stream(thread_id, "failing", input={"out": []})]
        self.assertEqual(chunks[-1].event, "error")
        self.assertEqual(chunks[-1].data, {"error": "ValueError", "message": "boom"})
        self.assertEqual(await self.statuses(thread_id), ["error"])
        self.assertEqual((await self.client.threads.get(thread_id))["status"], "error")

    async def test_read_again_from_any_event(self) -> None:
        thread_id = await self.thread()
        stream = self.client.runs.stream(
            thread_id, "agent", input=TOPIC, stream_mode=["updates", "values"], stream_resumable=True
        )
        chunks = [chunk async for chunk in stream]
        run_id = chunks[0].data["run_id"]
        for position, chunk in enumerate(chunks):
            rest = self.client.runs.join_stream(thread_id, run_id, last_event_id=chunk.id)
            self.assertEqual([chunk async for chunk in rest], chunks[position + 1 :])
        updates = self.client.runs.join_stream(thread_id, run_id, stream_mode=["updates"], last_event_id="-1")
        self.assertEqual([chunk.data async for chunk in updates if chunk.event == "updates"], UPDATES)

    async def test_listed(self) -> None:
        thread_id = await self.thread()
        first = await self.client.runs.create(thread_id, "agent", input=TOPIC)
        await self.client.runs.join(thread_id, first["run_id"])
        with self.assertRaisesRegex(Exception, "boom"):
            await self.client.runs.wait(thread_id, "failing", input={"out": []})
        self.assertEqual(await self.statuses(thread_id), ["error", "success"])
        runs = await self.client.runs.list(thread_id, status="success", select=["run_id", "status"])
        self.assertEqual(runs, [{"run_id": first["run_id"], "status": "success"}])
        self.assertEqual(len(await self.client.runs.list(thread_id, limit=1, offset=1)), 1)

    async def test_cancelled(self) -> None:
        thread_id = await self.thread()
        run_id = await self.napping(thread_id)
        await self.client.runs.cancel(thread_id, run_id, wait=True)
        self.assertEqual(await self.statuses(thread_id), ["interrupted"])
        with self.assertRaises(NotFoundError):
            await self.client.runs.cancel(thread_id, run_id)

    async def test_rolled_back(self) -> None:
        thread_id = await self.thread()
        await self.client.runs.wait(thread_id, "agent", input=TOPIC)
        before = await self.client.threads.get_state(thread_id)
        run_id = await self.napping(thread_id)
        await self.client.runs.cancel(thread_id, run_id, wait=True, action="rollback")
        self.assertEqual(await self.statuses(thread_id), ["success"])
        after = await self.client.threads.get_state(thread_id)
        self.assertEqual(after["checkpoint"], before["checkpoint"])

    async def test_deleted(self) -> None:
        thread_id = await self.thread()
        run_id = await self.napping(thread_id)
        await self.client.runs.delete(thread_id, run_id)
        with self.assertRaises(NotFoundError):
            await self.client.runs.get(thread_id, run_id)
        self.assertEqual(await self.statuses(thread_id), [])

    async def test_the_second_waits_or_is_refused(self) -> None:
        thread_id = await self.thread()
        run_id = await self.napping(thread_id)
        with self.assertRaises(ConflictError):
            await self.client.runs.create(thread_id, "agent", input=TOPIC, multitask_strategy="reject")
        second = await self.client.runs.create(thread_id, "agent", input=TOPIC, multitask_strategy="enqueue")
        self.assertEqual(await self.statuses(thread_id), ["pending", "running"])
        await self.client.runs.cancel(thread_id, run_id)
        joke = await self.client.runs.join(thread_id, second["run_id"])
        self.assertEqual(joke["joke"], JOKE["joke"])

    async def test_a_reader_that_leaves_takes_its_run_along(self) -> None:
        thread_id = await self.thread()
        stream = self.client.runs.stream(
            thread_id, "slow", input=NAP, stream_mode="custom", on_disconnect="cancel"
        )
        async for chunk in stream:
            if chunk.event == "custom":
                break
        await stream.aclose()
        [run] = await self.client.runs.list(thread_id)
        await self.client.runs.join(thread_id, run["run_id"])
        self.assertEqual(await self.statuses(thread_id), ["interrupted"])

    async def test_in_a_batch(self) -> None:
        payloads = [
            {"assistant_id": "agent", "input": {"topic": topic}, "on_completion": "keep"}
            for topic in ("rain", "snow")
        ]
        for run, topic in zip(await self.client.runs.create_batch(payloads), ("rain", "snow"), strict=True):
            values = await self.client.runs.join(run["thread_id"], run["run_id"])
            self.assertEqual(values["topic"], f"{topic} and cats")

    async def test_refused(self) -> None:
        with self.assertRaisesRegex(UnprocessableEntityError, "no-such-graph"):
            await self.client.runs.create(None, "no-such-graph", input=TOPIC)
        with self.assertRaises(UnprocessableEntityError):
            async for _ in self.client.runs.stream(None, "agent", input=TOPIC, stream_mode="no-such-mode"):
                pass
        nowhere = str(uuid4())
        with self.assertRaises(NotFoundError):
            await self.client.runs.create(nowhere, "agent", input=TOPIC)
        run = await self.client.runs.create(nowhere, "agent", input=TOPIC, if_not_exists="create")
        self.assertEqual(run["thread_id"], nowhere)


if __name__ == "__main__":
    unittest.main()
