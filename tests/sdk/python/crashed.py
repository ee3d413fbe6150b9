"""A server that is killed in the middle of a stream and started again: the stream goes on with the next attempt.

`EDDYLINE_URL` names a proxy here, which breaks the stream and knows the new server.
"""

import unittest

from client import ClientTest

STEPS = 60


class Crashed(ClientTest):
    async def test_the_stream_goes_on(self) -> None:
        thread_id = await self.thread()
        attempts, steps = [], []
        async for chunk in self.client.runs.stream(
            thread_id,
            "slow",
            input={"seconds": 0.05, "steps": STEPS},
            stream_mode="custom",
            stream_resumable=True,
        ):
            if chunk.event == "metadata":
                attempts.append(chunk.data["attempt"])
                steps.clear()
            else:
                steps.append(chunk.data["step"])
        self.assertEqual((attempts, steps), ([1, 2], list(range(STEPS))))
        state = await self.client.threads.get_state(thread_id)
        self.assertEqual(state["values"]["out"], ["napped", "after"])


if __name__ == "__main__":
    unittest.main()
