"""The first example of the streaming guide, on a thread and without one."""

import asyncio
import sys

from langgraph_sdk import get_client


async def main() -> None:
    client = get_client(url=sys.argv[1])
    thread = await client.threads.create()
    for thread_id in (thread["thread_id"], None):
        async for chunk in client.runs.stream(
            thread_id,
            "agent",
            input={"topic": "ice cream"},
            stream_mode="updates",
        ):
            print(chunk.data)


asyncio.run(main())
