"""The streaming protocol of threads: projections, commands, and what several clients see.

`EDDYLINE_TRANSPORT` says how events come: by `sse` or by `websocket`.
"""

import asyncio
import os
import time
import unittest
from uuid import uuid4

from client import URL, ClientTest
from langgraph_sdk import get_client, get_sync_client

TRANSPORT = os.environ["EDDYLINE_TRANSPORT"]
HUMAN = {"messages": [{"type": "human", "content": "hi", "id": "h-1"}]}
ALL = ["values", "updates", "messages", "tools", "lifecycle", "input", "checkpoints", "tasks", "custom"]


def root(events: list, method: str) -> list:
    return [e["params"]["data"] for e in events if e["method"] == method and not e["params"]["namespace"]]


async def only_events(messages):
    """What is told without the answer to the command that asked for it, which a WebSocket tells too."""
    async for message in messages:
        if message["type"] == "event":
            yield message


async def until_terminal(messages, terminal: str = "completed") -> list:
    """All events up to the one that ends the run so."""
    seen = []
    async for event in only_events(messages):
        seen.append(event)
        data = event["params"]["data"]
        if event["method"] == "lifecycle" and not event["params"]["namespace"] and data["event"] == terminal:
            return seen
    raise AssertionError(f"the stream ended before the run did: {seen}")


class Protocol(ClientTest):
    def stream(self, assistant_id: str, thread_id: str | None = None):
        return self.client.threads.stream(thread_id, assistant_id=assistant_id, transport=TRANSPORT)

    async def interrupted(self, thread) -> None:
        """Waits until the run asks."""
        await until_terminal(thread.events, "interrupted")
        async with asyncio.timeout(10):
            while not thread.interrupts:
                await asyncio.sleep(0)

    async def test_values_and_output(self) -> None:
        async with self.stream("tools_agent") as thread:
            await thread.run.start(input=HUMAN)
            counts = [len(values.get("messages", [])) async for values in thread.values]
            # The first are those of the state as it was when the client came.
            self.assertEqual(counts[1:], [1, 2, 3, 4])
            output = await thread.output
            self.assertEqual([m["type"] for m in output["messages"]], ["human", "ai", "tool", "ai"])
            self.assertEqual(output["messages"][0]["id"], "h-1")

    async def test_messages(self) -> None:
        async with self.stream("tools_agent") as thread:
            await thread.run.start(input=HUMAN)
            messages = [message async for message in thread.messages]
            self.assertEqual([message.message_id for message in messages], ["ai-1", "ai-2"])
            self.assertEqual([await message.text for message in messages], ["", "done."])

    async def test_tool_calls(self) -> None:
        async with self.stream("tools_agent") as thread:
            await thread.run.start(input=HUMAN)
            calls = [call async for call in thread.tool_calls]
            self.assertEqual([(call.name, call.input) for call in calls], [("search", {"query": "v3"})])
            output = await calls[0].output
            self.assertEqual((output["type"], output["content"]), ("tool", "found v3"))

    async def test_subgraphs_and_answers(self) -> None:
        async with self.stream("showcase") as thread:
            await thread.run.start(input=HUMAN)
            await self.interrupted(thread)
            self.assertTrue(thread.interrupted)
            self.assertEqual(thread.interrupts[0]["value"], "Are we good?")
            state = await self.client.threads.get_state(thread.thread_id)
            self.assertEqual(state["next"], ["ask_human"])
            self.assertEqual(await thread.run.respond("yes"), {})
            graphs = []
            async for graph in thread.subgraphs:
                graphs.append(graph.graph_name)
            self.assertEqual(graphs, ["run_subgraph"])
            output = await thread.output
            self.assertEqual(output["items"], ["streamed", "tool", "asked", "sub"])

    async def test_extensions(self) -> None:
        async with self.stream("showcase") as thread:
            await thread.run.start(input=HUMAN)
            # A question ends what this client yields, whatever of it is still on its way.
            await self.interrupted(thread)
            await thread.run.respond("yes")
            steps = [(data["step"], data["phase"]) async for data in thread.extensions["progress"]]
            names = ["ask_human", "run_subgraph"]
            self.assertEqual(steps, [(name, phase) for name in names for phase in ("start", "end")])

    async def test_a_question_is_answered_once(self) -> None:
        async with self.stream("showcase") as thread:
            await thread.run.start(input=HUMAN)
            await self.interrupted(thread)
            await thread.run.respond("yes")
            with self.assertRaisesRegex(Exception, "no_such_interrupt"):
                await thread._send_command("input.respond", {"interrupt_id": "f" * 32, "response": 1})
            await until_terminal(thread.events)

    async def test_cancel(self) -> None:
        async with self.stream("slow") as thread:
            run = await thread.run.start(input={"seconds": 0.1, "steps": 600})
            async for event in only_events(thread.events):
                if event["method"] == "custom":
                    break
            await self.client.runs.cancel(thread.thread_id, run["run_id"])
            events = await until_terminal(thread.events, "interrupted")
            self.assertEqual(root(events, "lifecycle")[-1], {"event": "interrupted", "graph_name": "slow"})

    async def test_two_clients_read_the_same(self) -> None:
        thread_id = str(uuid4())
        async with self.stream("tools_agent", thread_id) as one, self.stream("tools_agent", thread_id) as other:
            first = asyncio.create_task(until_terminal(one.events))
            second = asyncio.create_task(until_terminal(other.events))
            await one.run.start(input=HUMAN)
            first, second = await first, await second
        self.assertEqual(first, second)
        self.assertEqual([e["seq"] for e in first], sorted({e["seq"] for e in first}))
        self.assertEqual(len({e["event_id"] for e in first}), len(first))
        self.assertEqual(first[0]["params"]["data"], {"event": "running", "graph_name": "tools_agent"})

    async def test_who_comes_back_goes_on_where_it_was(self) -> None:
        async with self.stream("tools_agent") as thread:
            await thread.run.start(input=HUMAN)
            events = await until_terminal(thread.events)
            for cut in range(0, len(events) - 1, 3):
                since = events[cut]["seq"]
                handle = thread._transport.open_event_stream({"channels": ALL, "since": since})
                rest = await until_terminal(handle.events)
                await handle.close()
                self.assertEqual(rest, events[cut + 1 :])

    async def test_a_failed_run_is_an_error(self) -> None:
        async with self.stream("failing") as thread:
            await thread.run.start(input={"out": []})
            with self.assertRaisesRegex(RuntimeError, "Run errored: boom"):
                await thread.output

    async def test_a_second_run_goes_on_with_greater_numbers(self) -> None:
        async with self.stream("tools_agent") as thread:
            await thread.run.start(input=HUMAN)
            first = await until_terminal(thread.events)
        async with self.stream("tools_agent", thread.thread_id) as thread:
            run = await thread.run.start(input={"messages": [{"type": "human", "content": "again", "id": "h-2"}]})
            own = f"synth:{run['run_id']}:lc||running"
            async for event in only_events(thread.events):
                if event["event_id"] == own:
                    self.assertGreater(event["seq"], first[-1]["seq"])
                    break
            output = await thread.output
            self.assertGreaterEqual(len(output["messages"]), 4)

    async def test_what_is_wrong_with_a_command_is_said(self) -> None:
        async with self.stream("ghost") as thread:
            with self.assertRaisesRegex(Exception, "unknown_error.*422"):
                await thread.run.start(input=HUMAN)
        async with self.stream("agent") as thread:
            for method, params, code in [
                ("input.respond", {"interrupt_id": "x", "response": 1}, "no_such_run"),
                ("agent.getTree", {}, "no_such_run"),
                ("subscription.unsubscribe", {}, "invalid_argument"),
                ("input.inject", {}, "not_supported"),
                ("what.ever", {}, "unknown_command"),
                ("state.fork", {"checkpoint_id": str(uuid4())}, "no_such_checkpoint"),
            ]:
                with self.assertRaisesRegex(Exception, code):
                    await thread._send_command(method, params)

    async def test_states_and_the_tree(self) -> None:
        async with self.stream("nested") as thread:
            await thread.run.start(input={"foo": "x"})
            await until_terminal(thread.events)
            tree = (await thread._send_command("agent.getTree", {}))["tree"]
            self.assertEqual((tree["status"], tree["graph_name"], tree["namespace"]), ("completed", "nested", []))
            self.assertEqual([child["status"] for child in tree["children"]], ["completed"])
            state = await thread._send_command("state.get", {"namespace": []})
            known = await self.client.threads.get_state(thread.thread_id)
            self.assertEqual(state["values"], known["values"])
            self.assertEqual(state["checkpoint"]["id"], known["checkpoint"]["checkpoint_id"])
            listed = (await thread._send_command("state.listCheckpoints", {"limit": 2}))["checkpoints"]
            self.assertEqual([one["step"] for one in listed], [known["metadata"]["step"], known["metadata"]["step"] - 1])
            fork = await thread._send_command("state.fork", {"checkpoint_id": listed[-1]["id"]})
            self.assertEqual(fork["thread_id"], thread.thread_id)
            run = await self.client.runs.join(thread.thread_id, fork["run_id"])
            self.assertEqual(run, known["values"])


class Blocking(unittest.TestCase):
    """The same with the client that blocks."""

    def setUp(self) -> None:
        self.client = get_sync_client(url=URL)

    def test_projections(self) -> None:
        with self.client.threads.stream(assistant_id="tools_agent", transport=TRANSPORT) as thread:
            thread.run.start(input=HUMAN)
            calls = [(call.name, call.output["content"]) for call in thread.tool_calls]
            self.assertEqual(calls, [("search", "found v3")])
            self.assertEqual(len(thread.output["messages"]), 4)

    def test_a_question_and_its_answer(self) -> None:
        with self.client.threads.stream(assistant_id="showcase", transport=TRANSPORT) as thread:
            thread.run.start(input=HUMAN)
            for event in thread.events:
                if event.get("method") == "lifecycle" and event["params"]["data"]["event"] == "interrupted":
                    break
            wait_for(thread)
            thread.run.respond("yes")
            self.assertEqual(thread.output["items"][-1], "sub")


def wait_for(thread) -> None:
    """Waits until the client knows what it is asked."""
    end = time.monotonic() + 10
    while not thread.interrupts and time.monotonic() < end:
        os.sched_yield()


if __name__ == "__main__":
    unittest.main()
