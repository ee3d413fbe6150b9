"""Every Python example of the guides "Stream outputs" and "How to stream messages", in their order.

Each test is one example, told as the guide tells it, with what it has to print. The guides call every graph "agent";
here each has the name under which the server has it.
"""

import unittest
from collections.abc import AsyncIterator

from client import JOKE, REFINED, TOPIC, UPDATES, URL, VALUES, ClientTest
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.schema import StreamPart

# The guide's own graph takes a `query`.
QUERY = {"topic": "example"}
PROGRESS = [{"progress": 0}, {"progress": 1}, {"progress": 2}, "plain text"]
FROM_SUBGRAPHS = [
    {"node_1": {"foo": "hi! foo"}},
    {"subgraph_node_1": {"bar": "bar"}},
    {"subgraph_node_2": {"foo": "hi! foobar"}},
    {"node_2": {"foo": "hi! foobar"}},
]


class StreamOutputs(ClientTest):
    async def run_of(self, assistant_id: str, **payload: object) -> AsyncIterator[StreamPart]:
        """The events of a run on a new thread."""
        thread = await self.client.threads.create()
        thread_id = thread["thread_id"]
        async for chunk in self.client.runs.stream(thread_id, assistant_id, **payload):
            yield chunk

    async def streamed(self, assistant_id: str, **payload: object) -> list[StreamPart]:
        """The events of a run on a new thread, without the first one, which names the run."""
        chunks = [chunk async for chunk in self.run_of(assistant_id, **payload)]
        self.assertEqual(chunks[0].event, "metadata")
        self.assertEqual(chunks[0].data, {"run_id": chunks[0].data["run_id"], "attempt": 1})
        return chunks[1:]

    async def data(self, assistant_id: str, **payload: object) -> list[object]:
        """What these events carry."""
        return [chunk.data for chunk in await self.streamed(assistant_id, **payload)]

    def check_subgraphs(self, chunks: list[StreamPart]) -> None:
        namespaces = [chunk.event for chunk in chunks]
        inner = namespaces[1]
        self.assertRegex(inner, r"^updates\|node_2:[0-9a-f-]{36}$")
        self.assertEqual(namespaces, ["updates", inner, inner, "updates"])
        self.assertEqual([chunk.data for chunk in chunks], FROM_SUBGRAPHS)

    async def test_basic_usage(self) -> None:
        self.client = get_client(url=URL, api_key="a key that nobody asks for")
        self.addAsyncCleanup(self.client.aclose)
        self.assertEqual(await self.data("agent", input=TOPIC, stream_mode="updates"), UPDATES)

    async def test_extended_example(self) -> None:
        printed = [str(chunk.data) async for chunk in self.run_of("agent", input=TOPIC, stream_mode="updates")]
        self.assertRegex(printed[0], r"^\{'run_id': '[0-9a-f-]{36}', 'attempt': 1\}$")
        self.assertEqual(printed[1], "{'refine_topic': {'topic': 'ice cream and cats'}}")
        self.assertEqual(
            printed[2:], ["{'generate_joke': {'joke': 'This is a joke about ice cream and cats'}}"]
        )

    async def test_several_modes(self) -> None:
        chunks = await self.streamed("custom", input=QUERY, stream_mode=["updates", "custom"])
        told = [("custom", data) for data in PROGRESS] + [("updates", {"progress": {"joke": "done example"}})]
        self.assertEqual([(chunk.event, chunk.data) for chunk in chunks], told)

    async def test_stateful_run(self) -> None:
        thread = await self.client.threads.create()
        async for _ in self.client.runs.stream(thread["thread_id"], "agent", input=TOPIC):
            pass
        state = await self.client.threads.get_state(thread["thread_id"])
        self.assertEqual(state["values"], REFINED | JOKE)

    async def test_none_instead_of_a_thread(self) -> None:
        chunks = self.client.runs.stream(None, "agent", input=TOPIC, stream_mode="updates")
        self.assertEqual([chunk.data async for chunk in chunks][1:], UPDATES)

    async def test_updates(self) -> None:
        self.assertEqual(await self.data("agent", input=TOPIC, stream_mode="updates"), UPDATES)

    async def test_values(self) -> None:
        self.assertEqual(await self.data("agent", input=TOPIC, stream_mode="values"), VALUES)

    def test_subgraphs(self) -> None:
        with get_sync_client(url=URL) as client:
            thread_id = client.threads.create()["thread_id"]
            chunks = client.runs.stream(
                thread_id, "nested", input={"foo": "foo"}, stream_subgraphs=True, stream_mode="updates"
            )
            self.check_subgraphs(list(chunks)[1:])

    async def test_subgraphs_extended_example(self) -> None:
        self.check_subgraphs(
            await self.streamed("nested", input={"foo": "foo"}, stream_subgraphs=True, stream_mode="updates")
        )

    async def test_debug(self) -> None:
        told = await self.data("agent", input=TOPIC, stream_mode="debug")
        superstep = ["task", "task_result", "checkpoint"]
        expected = [(-1, "checkpoint"), (0, "checkpoint")]
        expected += [(step, kind) for step in (1, 2) for kind in superstep]
        self.assertEqual([(data["step"], data["type"]) for data in told], expected)
        names = [data["payload"]["name"] for data in told if data["type"] == "task"]
        self.assertEqual(names, ["refine_topic", "generate_joke"])
        self.assertEqual(told[-1]["payload"]["values"], REFINED | JOKE)

    async def test_tokens(self) -> None:
        printed = ""
        async for chunk in self.run_of("tagged", input=TOPIC, stream_mode="messages-tuple"):
            if chunk.event != "messages":
                continue
            message_chunk, metadata = chunk.data
            if message_chunk["content"]:
                printed += message_chunk["content"] + "|"
        self.assertEqual(printed, "joke| |on| |ice| |cream|poem| |on| |ice| |cream|")

    async def test_tokens_of_one_model_call(self) -> None:
        told = await self.data("tagged", input=TOPIC, stream_mode="messages-tuple")
        jokes = [message["content"] for message, metadata in told if "joke" in metadata["tags"]]
        self.assertEqual("".join(jokes), "joke on ice cream")

    async def test_tokens_of_one_node(self) -> None:
        told = await self.data("tagged", input=TOPIC, stream_mode="messages-tuple")
        poems = [message["content"] for message, metadata in told if metadata["langgraph_node"] == "write_poem"]
        self.assertEqual("".join(poems), "poem on ice cream")

    async def test_custom(self) -> None:
        self.assertEqual(await self.data("custom", input=QUERY, stream_mode="custom"), PROGRESS)

    async def test_events(self) -> None:
        told = await self.data("agent", input=TOPIC, stream_mode="events")
        names = [(data["event"], data["name"]) for data in told]
        for name in ("refine_topic", "generate_joke"):
            self.assertLess(names.index(("on_chain_start", name)), names.index(("on_chain_end", name)))
        self.assertEqual(told[-1]["data"]["output"], REFINED | JOKE)


class StreamMessages(ClientTest):
    async def test_setup(self) -> None:
        thread = await self.client.threads.create()
        self.assertEqual(
            {key: thread[key] for key in ("metadata", "status", "config", "values")},
            {"metadata": {}, "status": "idle", "config": {}, "values": None},
        )
        for key in ("created_at", "updated_at"):
            self.assertRegex(thread[key], r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00$")

    async def test_messages_mode(self) -> None:
        thread = await self.client.threads.create()
        input = {"messages": [{"role": "user", "content": "what's the weather in sf"}]}
        config = {"configurable": {"model_name": "openai"}}
        events, told = [], []
        async for chunk in self.client.runs.stream(
            thread["thread_id"],
            assistant_id="tools",
            input=input,
            config=config,
            stream_mode="messages-tuple",
        ):
            events.append(f"Receiving new event of type: {chunk.event}...")
            told.append(chunk.data)
        self.assertEqual(events[0], "Receiving new event of type: metadata...")
        self.assertEqual(set(events[1:]), {"Receiving new event of type: messages..."})
        self.check_weather(told[1:])

    def check_weather(self, told: list) -> None:
        """A call that comes in pieces, what the tool answers, and the answer in pieces."""
        self.assertEqual({metadata["graph_id"] for _, metadata in told}, {"tools"})
        steps = [(metadata["langgraph_node"], message["type"]) for message, metadata in told]
        call, tool, answer = [("agent", "AIMessageChunk")] * 3, [("action", "tool")], [("agent", "AIMessageChunk")] * 3
        self.assertEqual(steps, call + tool + answer)
        messages = [message for message, _ in told]
        self.assertEqual(messages[0]["tool_calls"][0]["name"], "get_weather")
        args = [piece["args"] for message in messages[:3] for piece in message["tool_call_chunks"]]
        self.assertEqual("".join(args), '{"city": "SF"}')
        self.assertEqual(messages[3]["content"], "sunny in SF")
        self.assertEqual(messages[3]["tool_call_id"], messages[0]["tool_calls"][0]["id"])
        self.assertEqual("".join(message["content"] for message in messages[4:]), "It is sunny.")


if __name__ == "__main__":
    unittest.main()
