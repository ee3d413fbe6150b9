"""A stream whose connection breaks in the middle: the client takes it up again by itself, and misses nothing.

`EDDYLINE_URL` names a proxy here, which breaks each stream once, within an event.
"""

import unittest
import warnings
from collections import Counter

from client import URL, ClientTest
from langgraph_sdk import get_sync_client
from langgraph_sdk.schema import StreamPart

NAP = {"seconds": 0.05, "steps": 30}
# Without a thread the run may be over, and be gone unless it is kept, before the client is back.
PAYLOAD = {"input": NAP, "stream_mode": "custom", "stream_resumable": True, "on_completion": "keep"}


class Broken(ClientTest):
    def setUp(self) -> None:
        # The client warns when it goes on without knowing where it stood.
        self.enterContext(warnings.catch_warnings())
        warnings.simplefilter("error", UserWarning)

    def check(self, chunks: list[StreamPart]) -> None:
        self.assertEqual(Counter(chunk.event for chunk in chunks), {"metadata": 1, "custom": 30})
        self.assertEqual([chunk.data for chunk in chunks[1:]], [{"step": step} for step in range(30)])

    async def test_on_a_thread(self) -> None:
        self.check([chunk async for chunk in self.client.runs.stream(await self.thread(), "slow", **PAYLOAD)])

    async def test_without_a_thread(self) -> None:
        self.check([chunk async for chunk in self.client.runs.stream(None, "slow", **PAYLOAD)])

    def test_blocking(self) -> None:
        with get_sync_client(url=URL) as client:
            for thread_id in (client.threads.create()["thread_id"], None):
                self.check(list(client.runs.stream(thread_id, "slow", **PAYLOAD)))


if __name__ == "__main__":
    unittest.main()
