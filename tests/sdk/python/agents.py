"""An agent with a tool: its tokens, the pieces of its call, the tool's message and the answer.

No key is set where the server runs, so a scripted model asks for the tool and repeats what it said.
"""

import unittest

from client import ClientTest

QUESTION = {"messages": [{"role": "user", "content": "weather"}]}
WORDS = ["search", " ", "said:", " ", "sunny", " ", "in", " ", "weather"]
PIECE = {"additional_kwargs", "chunk_position", "content", "id", "invalid_tool_calls", "name", "response_metadata"}
PIECE |= {"tool_call_chunks", "tool_calls", "type", "usage_metadata"}
TOOL = {"additional_kwargs", "artifact", "content", "id", "name", "response_metadata", "status", "tool_call_id", "type"}


class Agents(ClientTest):
    async def test_streamed(self) -> None:
        thread_id = await self.thread()
        told = []
        stream = self.client.runs.stream(thread_id, "prebuilt_agent", input=QUESTION, stream_mode="messages-tuple")
        async for chunk in stream:
            told.append((chunk.event, chunk.data))
        self.assertEqual(told.pop(0)[0], "metadata")
        self.assertEqual({event for event, _ in told}, {"messages"})
        messages = [message for _, (message, _) in told]
        nodes = [metadata["langgraph_node"] for _, (_, metadata) in told]
        self.assertEqual(nodes, ["model"] * 2 + ["tools"] + ["model"] * len(WORDS))
        name, args, tool, *answer = messages
        for piece in (name, args, *answer):
            self.assertEqual((set(piece), piece["type"]), (PIECE, "AIMessageChunk"))
        call = {"name": "search", "args": "", "id": "call_2", "index": 0, "type": "tool_call_chunk"}
        self.assertEqual(name["tool_call_chunks"], [call])
        self.assertEqual(args["tool_call_chunks"], [call | {"name": None, "id": None, "args": '{"query":"weather"}'}])
        self.assertEqual((name["id"], args["chunk_position"]), (args["id"], "last"))
        self.assertEqual((set(tool), tool["type"], tool["name"]), (TOOL, "tool", "search"))
        self.assertEqual((tool["content"], tool["tool_call_id"]), ("sunny in weather", "call_2"))
        self.assertEqual([piece["content"] for piece in answer], WORDS)
        state = await self.client.threads.get_state(thread_id)
        kept = [message["type"] for message in state["values"]["messages"]]
        self.assertEqual(kept, ["human", "ai", "tool", "ai"])
        self.assertEqual(state["values"]["messages"][1]["tool_calls"][0]["args"], {"query": "weather"})

    async def test_tools_are_watched(self) -> None:
        events = []
        async for chunk in self.client.runs.stream(None, "prebuilt_agent", input=QUESTION, stream_mode="tools"):
            events.append(chunk.data)
        started, finished = events[1:]
        self.assertEqual((started["event"], started["input"]), ("tool-started", {"query": "weather"}))
        self.assertEqual((finished["event"], finished["output"]["content"]), ("tool-finished", "sunny in weather"))


if __name__ == "__main__":
    unittest.main()
