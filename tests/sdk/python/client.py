"""What the scripts share: where the server is, and a client for it.

Each script is a suite of `unittest`; `EDDYLINE_URL` names the server that it tests.
"""

import os
import unittest

from langgraph_sdk import get_client

URL = os.environ["EDDYLINE_URL"]

TOPIC = {"topic": "ice cream"}
REFINED = {"topic": "ice cream and cats"}
JOKE = {"joke": "This is a joke about ice cream and cats"}
UPDATES = [{"refine_topic": REFINED}, {"generate_joke": JOKE}]
VALUES = [TOPIC, REFINED, REFINED | JOKE]


class ClientTest(unittest.IsolatedAsyncioTestCase):
    """A test with a client of its own."""

    # What differs is shown whole.
    maxDiff = None

    async def asyncSetUp(self) -> None:
        self.client = get_client(url=URL)
        self.addAsyncCleanup(self.client.aclose)

    async def thread(self) -> str:
        return (await self.client.threads.create())["thread_id"]
