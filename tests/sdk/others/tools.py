"""The official client of the Model Context Protocol: assistants are tools."""

import json
import os
import unittest

from mcp import Client

URL = os.environ["EDDYLINE_URL"] + "/mcp"


class Tools(unittest.IsolatedAsyncioTestCase):
    async def test_assistants_are_listed(self) -> None:
        async with Client(URL) as client:
            self.assertEqual(client.server_info.name, "eddyline")
            tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        self.assertIn("agent", tools)
        self.assertEqual(tools["agent"].input_schema["type"], "object")
        self.assertIn("topic", tools["agent"].input_schema["properties"])
        # A conversation is a text to a model.
        self.assertEqual(tools["chat"].input_schema["properties"]["messages"]["type"], "string")
        self.assertTrue(tools["chat"].description)

    async def test_a_tool_is_called(self) -> None:
        async with Client(URL) as client:
            result = await client.call_tool("agent", {"topic": "rain"})
            self.assertFalse(result.is_error)
            said = json.loads(result.content[0].text)
            self.assertEqual(said, {"topic": "rain and cats", "joke": "This is a joke about rain and cats"})
            result = await client.call_tool("chat", {"messages": "hello"})
            said = json.loads(result.content[0].text)
            self.assertEqual(said["messages"][-1]["content"], "You said: hello")

    async def test_the_path_may_end_in_a_slash(self) -> None:
        async with Client(URL + "/") as client:
            self.assertTrue((await client.list_tools()).tools)

    async def test_what_fails_is_what_the_tool_says(self) -> None:
        async with Client(URL) as client:
            result = await client.call_tool("failing", {"topic": "rain"})
            self.assertTrue(result.is_error)
            self.assertTrue(result.content[0].text.startswith("ValueError"), result.content)
            with self.assertRaises(Exception) as refused:
                await client.call_tool("nobody", {})
            self.assertIn("Unknown tool", str(refused.exception))


if __name__ == "__main__":
    unittest.main()
