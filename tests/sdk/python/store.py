"""The long-term store: items put, read, searched, listed by namespace, and deleted."""

import unittest
from uuid import uuid4

from client import ClientTest
from langgraph_sdk.errors import UnprocessableEntityError


class Store(ClientTest):
    async def asyncSetUp(self) -> None:
        await super().asyncSetUp()
        self.store = self.client.store
        # A place that no other test uses.
        self.users = f"users-{uuid4()}"
        await self.store.put_item([self.users, "ada"], "likes", {"topic": "sea", "rank": 1}, index=False, ttl=60)
        await self.store.put_item([self.users, "bob"], "likes", {"topic": "hills", "rank": 2}, index=["topic"])

    async def topics(self, **search: object) -> list[str]:
        found = await self.store.search_items([self.users], **search)
        return [item["value"]["topic"] for item in found["items"]]

    async def test_read(self) -> None:
        item = await self.store.get_item([self.users, "ada"], key="likes", refresh_ttl=True)
        self.assertEqual((item["namespace"], item["key"]), ([self.users, "ada"], "likes"))
        self.assertEqual(item["value"], {"topic": "sea", "rank": 1})
        self.assertIsNone(await self.store.get_item([self.users, "ada"], key="hates"))

    async def test_searched(self) -> None:
        self.assertEqual(await self.topics(refresh_ttl=False), ["hills", "sea"])
        self.assertEqual(await self.topics(filter={"rank": {"$gt": 1}}, limit=5, offset=0), ["hills"])
        with self.assertRaises(UnprocessableEntityError):
            await self.topics(query="the sea")

    async def test_namespaces(self) -> None:
        listed = await self.store.list_namespaces(prefix=[self.users], suffix=["*"], max_depth=2, limit=1, offset=1)
        self.assertEqual(listed, {"namespaces": [[self.users, "bob"]]})
        with self.assertRaises(UnprocessableEntityError):
            await self.store.put_item([self.users, ""], "likes", {})

    async def test_deleted(self) -> None:
        await self.store.delete_item([self.users, "ada"], key="likes")
        self.assertEqual(await self.topics(), ["hills"])


if __name__ == "__main__":
    unittest.main()
