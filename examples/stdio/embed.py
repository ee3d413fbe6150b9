"""Runs a graph of `eddyline stdio` from Python: python3 embed.py PATH_TO_EDDYLINE"""

import asyncio
import itertools
import json
import sys
from uuid import uuid4


class Server:
    """The server as a child process; one thread's events at a time."""

    async def start(self, path: str) -> "Server":
        pipe = asyncio.subprocess.PIPE
        # A line may be longer than the 64 KiB that readers take by default.
        self.child = await asyncio.create_subprocess_exec(
            path, "stdio", "--memory", stdin=pipe, stdout=pipe, limit=64 << 20
        )
        self.numbers = itertools.count(1)
        self.answers: dict[int, asyncio.Future] = {}
        self.events: asyncio.Queue = asyncio.Queue()
        self.reading = asyncio.create_task(self.read())
        return self

    async def read(self) -> None:
        async for line in self.child.stdout:
            document = json.loads(line)
            if document["type"] == "event":
                self.events.put_nowait(document)
            elif (answer := self.answers.pop(document.get("id"), None)) is not None:
                answer.set_result(document)

    async def ask(self, method: str, thread_id: str | None = None, **params):
        number = next(self.numbers)
        self.answers[number] = asyncio.get_running_loop().create_future()
        command = {"id": number, "thread_id": thread_id, "method": method, "params": params}
        self.child.stdin.write(json.dumps(command).encode() + b"\n")
        answer = await self.answers[number]
        if answer["type"] == "error":
            raise RuntimeError(f"{answer['error']}: {answer['message']}")
        return answer["result"]

    async def stop(self) -> int:
        self.child.stdin.close()
        return await self.child.wait()


async def main() -> None:
    server, thread_id = await Server().start(sys.argv[1]), str(uuid4())
    await server.ask("subscription.subscribe", thread_id, channels=["lifecycle"])
    await server.ask("run.start", thread_id, assistant_id="agent", input={"topic": "cats"})
    state = None
    while state != "completed":
        print(state := (await server.events.get())["params"]["data"]["event"])
    print((await server.ask("state.get", thread_id))["values"]["joke"])
    sys.exit(await server.stop())


asyncio.run(main())
