"""Crons: made, found, changed, counted and deleted, with `async` and without."""

import unittest
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4
from zoneinfo import ZoneInfo

from client import TOPIC, URL, ClientTest
from langgraph_sdk import get_sync_client
from langgraph_sdk.errors import BadRequestError, NotFoundError, UnprocessableEntityError

YEARLY = "0 0 1 1 *"
END = datetime(2090, 1, 1, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")


class Crons(ClientTest):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.crons = self.client.crons
        # What no other test says.
        self.mine = {"test": str(uuid4())}

    async def create(self, **said: Any) -> dict[str, Any]:
        cron = await self.crons.create("agent", schedule=YEARLY, input=TOPIC, metadata=self.mine, **said)
        return dict(cron)

    async def found(self, **search: Any) -> list[dict[str, Any]]:
        return await self.crons.search(metadata=self.mine, **search)

    async def test_without_a_thread(self) -> None:
        cron = await self.create(timezone=BERLIN, end_time=END, on_run_completed="keep", enabled=False)
        self.assertEqual((cron["schedule"], cron["timezone"]), (YEARLY, "Europe/Berlin"))
        self.assertEqual(datetime.fromisoformat(cron["end_time"]), END)
        self.assertEqual((cron["thread_id"], cron["on_run_completed"], cron["enabled"]), (None, "keep", False))
        payload = cron["payload"]
        self.assertEqual((payload["input"], payload["assistant_id"]), (TOPIC, cron["assistant_id"]))
        self.assertEqual(payload["config"]["configurable"]["cron_id"], cron["cron_id"])
        next_run = datetime.fromisoformat(cron["next_run_date"]).astimezone(BERLIN)
        self.assertEqual((next_run.month, next_run.day, next_run.hour), (1, 1, 0))
        self.assertEqual(await self.found(), [cron])

    async def test_on_a_thread(self) -> None:
        thread_id = await self.thread()
        cron = await self.crons.create_for_thread(
            thread_id, "agent", schedule=YEARLY, input=TOPIC, metadata=self.mine, multitask_strategy="reject"
        )
        self.assertEqual((cron["thread_id"], cron["payload"]["multitask_strategy"]), (thread_id, "reject"))
        self.assertEqual(await self.found(thread_id=thread_id, assistant_id=cron["assistant_id"]), [cron])
        self.assertEqual(await self.crons.count(thread_id=thread_id), 1)
        with self.assertRaises(NotFoundError):
            await self.crons.create_for_thread(str(uuid4()), "agent", schedule=YEARLY)

    async def test_changed(self) -> None:
        cron = await self.create(end_time=END)
        cron_id = cron["cron_id"]
        changed = await self.crons.update(
            cron_id, schedule="0 12 * * *", enabled=False, metadata={"more": 1}, input={"topic": "rain"}
        )
        self.assertEqual((changed["schedule"], changed["enabled"]), ("0 12 * * *", False))
        self.assertEqual((changed["metadata"], changed["end_time"]), (self.mine | {"more": 1}, cron["end_time"]))
        self.assertEqual(changed["payload"]["input"], {"topic": "rain"})
        self.assertNotEqual(changed["next_run_date"], cron["next_run_date"])
        self.assertIsNone((await self.crons.update(cron_id, end_time=None))["end_time"])
        with self.assertRaises(BadRequestError):
            await self.crons.update(cron_id)
        with self.assertRaises(UnprocessableEntityError):
            await self.crons.update(cron_id, schedule="now and then")

    async def test_found_in_pages(self) -> None:
        crons = [await self.create(enabled=enabled) for enabled in (True, False, True)]
        ids = [cron["cron_id"] for cron in crons]
        page = await self.found(sort_by="cron_id", sort_order="asc", limit=2, offset=1, select=["cron_id"])
        self.assertEqual(page, [{"cron_id": cron_id} for cron_id in ids[1:]])
        self.assertEqual(await self.found(enabled=False), [crons[1]])
        self.assertEqual(await self.crons.count(metadata=self.mine), 3)

    async def test_deleted(self) -> None:
        cron = await self.create()
        await self.crons.delete(cron["cron_id"])
        self.assertEqual(await self.found(), [])
        with self.assertRaises(NotFoundError):
            await self.crons.delete(cron["cron_id"])

    async def test_refused(self) -> None:
        with self.assertRaises(UnprocessableEntityError):
            await self.crons.create("agent", schedule="now and then")
        with self.assertRaises(NotFoundError):
            await self.crons.create("nobody", schedule=YEARLY)


class BlockingCrons(unittest.TestCase):
    def setUp(self) -> None:
        self.client = self.enterContext(get_sync_client(url=URL))
        self.crons = self.client.crons

    def test_a_life(self) -> None:
        mine = {"test": str(uuid4())}
        thread_id = self.client.threads.create()["thread_id"]
        for thread, create in (
            (None, lambda **said: self.crons.create("agent", **said)),
            (thread_id, lambda **said: self.crons.create_for_thread(thread_id, "agent", **said)),
        ):
            cron = create(schedule=YEARLY, metadata=mine, timezone="Europe/Berlin")
            self.assertEqual((cron["thread_id"], cron["timezone"]), (thread, "Europe/Berlin"))
            changed = self.crons.update(cron["cron_id"], enabled=False, end_time=END)
            self.assertEqual(self.crons.search(metadata=mine, enabled=False), [changed])
            self.assertEqual(self.crons.count(assistant_id=cron["assistant_id"], metadata=mine), 1)
            self.crons.delete(cron["cron_id"])
            self.assertEqual(self.crons.count(metadata=mine), 0)


if __name__ == "__main__":
    unittest.main()
