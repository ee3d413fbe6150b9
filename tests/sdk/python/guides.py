"""Every example of the guides "Stream outputs" and "How to stream messages", as the official client runs it.

Each function is one example, told as the guide tells it, with what it has to print. A name on a line of its own
means that the example holds; the first one that does not ends the script with its assertion.
"""

import asyncio
import sys

from langgraph_sdk import get_client

ASSISTANT_ID = "agent"
TOPIC = {"topic": "ice cream"}
REFINED = {"refine_topic": {"topic": "ice cream and cats"}}
JOKE = {"generate_joke": {"joke": "This is a joke about ice cream and cats"}}


def check(found: object, expected: object) -> None:
    assert found == expected, f"\n  expected {expected}\n  found    {found}"


class Guide:
    """What the examples share: a client, and how they stream."""

    def __init__(self, url: str) -> None:
        self.client = get_client(url=url)

    async def thread(self) -> str:
        thread = await self.client.threads.create()
        assert thread["status"] == "idle" and thread["values"] is None and thread["metadata"] == {}, thread
        return thread["thread_id"]

    async def stream(self, assistant_id: str, stateless: bool = False, **kwargs: object) -> list:
        """The events of a run after its first one, which names the run."""
        thread_id = None if stateless else await self.thread()
        chunks = [chunk async for chunk in self.client.runs.stream(thread_id, assistant_id, **kwargs)]
        assert chunks[0].event == "metadata", chunks[0]
        check(chunks[0].data.keys(), {"run_id", "attempt"})
        check(chunks[0].data["attempt"], 1)
        return chunks[1:]

    async def updates(self) -> None:
        chunks = await self.stream(ASSISTANT_ID, input=TOPIC, stream_mode="updates")
        check([chunk.data for chunk in chunks], [REFINED, JOKE])

    async def stateless(self) -> None:
        chunks = await self.stream(ASSISTANT_ID, stateless=True, input=TOPIC, stream_mode="updates")
        check([chunk.data for chunk in chunks], [REFINED, JOKE])

    async def values(self) -> None:
        chunks = await self.stream(ASSISTANT_ID, input=TOPIC, stream_mode="values")
        refined = REFINED["refine_topic"]
        check([chunk.data for chunk in chunks], [TOPIC, refined, refined | JOKE["generate_joke"]])

    async def several_modes(self) -> None:
        chunks = await self.stream("custom", input=QUERY, stream_mode=["updates", "custom"])
        told = [("custom", data) for data in PROGRESS] + [("updates", {"progress": {"joke": "done example"}})]
        check([(chunk.event, chunk.data) for chunk in chunks], told)

    async def subgraphs(self) -> None:
        chunks = await self.stream("nested", input={"foo": "foo"}, stream_subgraphs=True, stream_mode="updates")
        namespaces = [chunk.event.partition("|")[2] for chunk in chunks]
        assert namespaces[1].startswith("node_2:") and len(namespaces[1]) == len("node_2:") + 36, namespaces
        check(namespaces, ["", namespaces[1], namespaces[1], ""])
        expected = [
            {"node_1": {"foo": "hi! foo"}},
            {"subgraph_node_1": {"bar": "bar"}},
            {"subgraph_node_2": {"foo": "hi! foobar"}},
            {"node_2": {"foo": "hi! foobar"}},
        ]
        check([chunk.data for chunk in chunks], expected)

    async def debug(self) -> None:
        chunks = await self.stream(ASSISTANT_ID, input=TOPIC, stream_mode="debug")
        check({chunk.event for chunk in chunks}, {"debug"})
        steps = [(chunk.data["step"], chunk.data["type"]) for chunk in chunks]
        task = ["task", "task_result", "checkpoint"]
        expected = [(-1, "checkpoint"), (0, "checkpoint")] + [(step, kind) for step in (1, 2) for kind in task]
        check(steps, expected)
        check(chunks[-1].data["payload"]["values"], REFINED["refine_topic"] | JOKE["generate_joke"])

    async def tokens(self) -> None:
        printed = ""
        async for chunk in self.client.runs.stream(
            await self.thread(), "chat", input=CHAT, stream_mode="messages-tuple"
        ):
            if chunk.event != "messages":
                continue
            message_chunk, metadata = chunk.data
            if message_chunk["content"]:
                printed += message_chunk["content"] + "|"
        assert printed.count("|") > 2, printed
        final = await self.client.runs.wait(None, "chat", input=CHAT)
        check(printed.replace("|", ""), final["messages"][-1]["content"])

    async def tokens_of_one_call(self) -> None:
        tagged = await self.stream("tagged", input=TOPIC, stream_mode="messages-tuple")
        tagged = [chunk.data for chunk in tagged if chunk.event == "messages"]
        tags = {tag for _, metadata in tagged for tag in metadata.get("tags", [])}
        assert {"joke"} <= tags, tags
        jokes = [message for message, metadata in tagged if "joke" in metadata.get("tags", [])]
        assert 0 < len(jokes) < len(tagged), (len(jokes), len(tagged))

    async def tokens_of_one_node(self) -> None:
        chunks = await self.stream("tools", input=CHAT, stream_mode="messages-tuple")
        messages = [chunk.data for chunk in chunks]
        check({metadata["langgraph_node"] for _, metadata in messages}, {"agent", "action"})
        of_action = [message for message, metadata in messages if metadata["langgraph_node"] == "action"]
        check({message["type"] for message in of_action}, {"tool"})

    async def custom(self) -> None:
        chunks = await self.stream("custom", input=QUERY, stream_mode="custom")
        check([chunk.data for chunk in chunks], PROGRESS)

    async def events(self) -> None:
        chunks = await self.stream(ASSISTANT_ID, input=TOPIC, stream_mode="events")
        check({chunk.event for chunk in chunks}, {"events"})
        names = [(chunk.data["event"], chunk.data["name"]) for chunk in chunks]
        for name in ("refine_topic", "generate_joke"):
            assert names.index(("on_chain_start", name)) < names.index(("on_chain_end", name)), names
        check(chunks[-1].data["data"]["output"], REFINED["refine_topic"] | JOKE["generate_joke"])

    async def messages(self) -> None:
        """The example of the second page: a model by name, and its tool."""
        config = {"configurable": {"model_name": "openai"}}
        chunks = await self.stream("tools", input=CHAT, config=config, stream_mode="messages-tuple")
        check({chunk.event for chunk in chunks}, {"messages"})
        messages = [chunk.data for chunk in chunks]
        check({metadata["graph_id"] for _, metadata in messages}, {"tools"})
        kinds = [message["type"] for message, _ in messages]
        assert kinds[0] == kinds[-1] == "AIMessageChunk" and "tool" in kinds, kinds
        assert any(message.get("tool_call_chunks") for message, _ in messages), "the call comes in pieces"

    async def waited_for(self) -> None:
        thread_id = await self.thread()
        run = await self.client.runs.create(thread_id, ASSISTANT_ID, input=TOPIC)
        final = await self.client.runs.join(thread_id, run["run_id"])
        check(final, REFINED["refine_topic"] | JOKE["generate_joke"])
        check(await self.client.runs.wait(thread_id, ASSISTANT_ID, input=TOPIC), final)
        runs = await self.client.runs.list(thread_id, limit=1, select=["run_id", "status"])
        check([run["status"] for run in runs], ["success"])

    async def read_again(self) -> None:
        thread_id = await self.thread()
        run = await self.client.runs.create(
            thread_id, ASSISTANT_ID, input=TOPIC, stream_mode=["updates", "values"], stream_resumable=True
        )
        await self.client.runs.join(thread_id, run["run_id"])
        joined = self.client.runs.join_stream(
            thread_id, run["run_id"], stream_mode=["updates"], last_event_id="-1"
        )
        check([chunk.data async for chunk in joined], [REFINED, JOKE])


# The guide's own graph takes a `query`; ours, like the golden cases, a `topic`.
QUERY = {"topic": "example"}
PROGRESS = [{"progress": 0}, {"progress": 1}, {"progress": 2}, "plain text"]
CHAT = {"messages": [{"role": "user", "content": "what's the weather in sf"}]}

EXAMPLES = [
    Guide.updates,
    Guide.stateless,
    Guide.values,
    Guide.several_modes,
    Guide.subgraphs,
    Guide.debug,
    Guide.tokens,
    Guide.tokens_of_one_call,
    Guide.tokens_of_one_node,
    Guide.custom,
    Guide.events,
    Guide.messages,
    Guide.waited_for,
    Guide.read_again,
]


async def main() -> None:
    guide = Guide(sys.argv[1])
    for example in EXAMPLES:
        await example(guide)
        print(example.__name__)


asyncio.run(main())
