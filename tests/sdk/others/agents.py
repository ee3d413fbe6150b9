"""The official client of A2A: an assistant is an agent. Every test speaks both dialects."""

import os
import unittest
import uuid

import httpx
from a2a.client import A2ACardResolver, ClientConfig, ClientFactory
from a2a.types.a2a_pb2 import (
    CancelTaskRequest,
    GetTaskRequest,
    ListTasksRequest,
    Message,
    Part,
    Role,
    SendMessageConfiguration,
    SendMessageRequest,
    TaskState,
)
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.struct_pb2 import Value

URL = os.environ["EDDYLINE_URL"]


class Agents(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self) -> None:
        self.http = httpx.AsyncClient(timeout=30)
        self.addAsyncCleanup(self.http.aclose)
        found = await self.http.post(URL + "/assistants/search", json={"limit": 100})
        self.ids = {one["graph_id"]: one["assistant_id"] for one in found.json()}

    async def clients(self, graph: str, streaming: bool = False):
        """A client of each dialect."""
        card = await A2ACardResolver(self.http, f"{URL}/a2a/{self.ids[graph]}").get_agent_card()
        for version in ["1.0", "0.3.0"]:
            card.supported_interfaces[0].protocol_version = version
            yield ClientFactory(ClientConfig(streaming=streaming, httpx_client=self.http)).create(card)

    def message(self, text: str | None = None, **rest) -> SendMessageRequest:
        data = rest.pop("data", None)
        parts = [Part(text=text)] if text is not None else []
        if data is not None:
            parts.append(Part(data=ParseDict(data, Value())))
        message = Message(message_id=str(uuid.uuid4()), role=Role.ROLE_USER, parts=parts, **rest)
        return SendMessageRequest(message=message)

    async def sent(self, client, request: SendMessageRequest) -> list:
        return [event async for event in client.send_message(request)]

    async def test_the_card(self) -> None:
        for place in ["/.well-known/agent-card.json", "/.well-known/agent.json", ""]:
            card = (await self.http.get(f"{URL}/a2a/{self.ids['chat']}{place}")).json()
            self.assertEqual(card["url"], f"{URL}/a2a/{self.ids['chat']}")
            self.assertTrue(card["capabilities"]["streaming"])
        by_query = await self.http.get(URL + "/.well-known/agent-card.json", params={"assistant_id": self.ids["chat"]})
        self.assertEqual(by_query.json()["name"], "chat")
        self.assertEqual((await self.http.get(URL + "/.well-known/agent-card.json")).status_code, 400)

    async def test_a_message_and_another_in_its_context(self) -> None:
        async for client in self.clients("chat"):
            (event,) = await self.sent(client, self.message("hello"))
            task = event.task
            self.assertEqual(task.status.state, TaskState.TASK_STATE_COMPLETED)
            self.assertEqual(task.artifacts[0].parts[0].text, "You said: hello")
            self.assertEqual([(said.role, said.parts[0].text) for said in task.history], [
                (Role.ROLE_USER, "hello"), (Role.ROLE_AGENT, "You said: hello"),
            ])
            (event,) = await self.sent(client, self.message("again", context_id=task.context_id))
            self.assertEqual(event.task.context_id, task.context_id)
            self.assertNotEqual(event.task.id, task.id)
            found = await client.get_task(GetTaskRequest(id=task.id))
            self.assertEqual((found.id, found.status.state), (task.id, TaskState.TASK_STATE_COMPLETED))

    async def test_words_come_as_they_are_said(self) -> None:
        async for client in self.clients("chat", streaming=True):
            events = await self.sent(client, self.message("one two"))
            self.assertEqual(events[0].task.status.state, TaskState.TASK_STATE_SUBMITTED)
            working = [
                event.status_update.status.message.parts[0].text
                for event in events
                if event.HasField("status_update")
                and event.status_update.status.state == TaskState.TASK_STATE_WORKING
            ]
            self.assertEqual(working[:2] + working[-1:], ["You", "You ", "You said: one two"])
            artifact = [event for event in events if event.HasField("artifact_update")]
            self.assertEqual(artifact[0].artifact_update.artifact.parts[0].text, "You said: one two")
            self.assertEqual(events[-1].status_update.status.state, TaskState.TASK_STATE_COMPLETED)

    async def test_data_is_input(self) -> None:
        async for client in self.clients("agent"):
            (event,) = await self.sent(client, self.message(data={"topic": "rain"}))
            made = MessageToDict(event.task.artifacts[0].parts[0].data)
            self.assertEqual(made["joke"], "This is a joke about rain and cats")
            with self.assertRaisesRegex(Exception, "takes no text"):
                await self.sent(client, self.message("rain"))

    async def test_a_question_is_answered(self) -> None:
        async for client in self.clients("approval"):
            (event,) = await self.sent(client, self.message(data={"topic": "rain"}))
            task = event.task
            self.assertEqual(task.status.state, TaskState.TASK_STATE_INPUT_REQUIRED)
            self.assertIn("ok?", task.status.message.parts[0].text)
            request = self.message("yes", context_id=task.context_id, task_id=task.id)
            (event,) = await self.sent(client, request)
            made = MessageToDict(event.task.artifacts[0].parts[0].data)
            self.assertEqual(made["joke"], "answer=yes")

    async def test_a_task_is_canceled(self) -> None:
        async for client in self.clients("slow"):
            request = self.message(data={"seconds": 20, "steps": 2})
            request.configuration.CopyFrom(SendMessageConfiguration(return_immediately=True))
            (event,) = await self.sent(client, request)
            task = await client.cancel_task(CancelTaskRequest(id=event.task.id))
            self.assertEqual(task.status.state, TaskState.TASK_STATE_CANCELED)
            with self.assertRaisesRegex(Exception, "(?i)cannot be canceled"):
                await client.cancel_task(CancelTaskRequest(id=event.task.id))
            with self.assertRaisesRegex(Exception, "(?i)not found"):
                await client.get_task(GetTaskRequest(id=f"{uuid.uuid4()}:{uuid.uuid4()}"))

    async def test_what_fails_says_why(self) -> None:
        async for client in self.clients("failing"):
            (event,) = await self.sent(client, self.message(data={"topic": "rain"}))
            self.assertEqual(event.task.status.state, TaskState.TASK_STATE_FAILED)
            self.assertIn("ValueError", event.task.status.message.parts[0].text)

    async def test_tasks_of_a_context(self) -> None:
        async for client in self.clients("chat"):
            (first,) = await self.sent(client, self.message("one"))
            (second,) = await self.sent(client, self.message("two", context_id=first.task.context_id))
            listed = await client.list_tasks(ListTasksRequest(context_id=first.task.context_id))
            self.assertEqual({task.id for task in listed.tasks}, {first.task.id, second.task.id})
            return  # 0.3 has no such method.


if __name__ == "__main__":
    unittest.main()
