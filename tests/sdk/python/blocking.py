"""The client without `async`: the same surface, from a program that waits for each answer."""

import unittest

from client import JOKE, REFINED, TOPIC, UPDATES, URL
from langgraph_sdk import get_sync_client


class Blocking(unittest.TestCase):
    def setUp(self) -> None:
        self.client = self.enterContext(get_sync_client(url=URL))
        self.thread_id = self.client.threads.create()["thread_id"]

    def test_streamed(self) -> None:
        for thread_id in (self.thread_id, None):
            chunks = list(self.client.runs.stream(thread_id, "agent", input=TOPIC, stream_mode="updates"))
            self.assertEqual([chunk.data for chunk in chunks[1:]], UPDATES)

    def test_created_joined_listed_and_deleted(self) -> None:
        run = self.client.runs.create(self.thread_id, "agent", input=TOPIC)
        self.assertEqual(self.client.runs.join(self.thread_id, run["run_id"]), REFINED | JOKE)
        self.assertEqual(self.client.runs.get(self.thread_id, run["run_id"])["status"], "success")
        self.assertEqual(len(self.client.runs.list(self.thread_id)), 1)
        self.client.runs.delete(self.thread_id, run["run_id"])
        self.assertEqual(self.client.runs.list(self.thread_id), [])

    def test_waited_for(self) -> None:
        self.assertEqual(self.client.runs.wait(None, "agent", input=TOPIC), REFINED | JOKE)
        with self.assertRaisesRegex(Exception, "^ValueError: boom$"):
            self.client.runs.wait(self.thread_id, "failing", input={"out": []})

    def test_in_a_batch(self) -> None:
        payload = {"assistant_id": "agent", "input": TOPIC, "on_completion": "keep"}
        for run in self.client.runs.create_batch([payload, payload]):
            self.assertEqual(self.client.runs.join(run["thread_id"], run["run_id"]), REFINED | JOKE)

    def test_read_again_from_any_event(self) -> None:
        stream = self.client.runs.stream(
            self.thread_id, "agent", input=TOPIC, stream_mode="updates", stream_resumable=True
        )
        chunks = list(stream)
        run_id = chunks[0].data["run_id"]
        rest = self.client.runs.join_stream(self.thread_id, run_id, last_event_id=chunks[1].id)
        self.assertEqual(list(rest), chunks[2:])

    def test_cancelled(self) -> None:
        run = self.client.runs.create(self.thread_id, "slow", input={"seconds": 0.1, "steps": 600})
        self.client.runs.cancel(self.thread_id, run["run_id"], wait=True)
        self.assertEqual(self.client.runs.get(self.thread_id, run["run_id"])["status"], "interrupted")

    def test_states(self) -> None:
        self.client.runs.wait(self.thread_id, "agent", input=TOPIC)
        history = self.client.threads.get_history(self.thread_id)
        self.assertEqual(self.client.threads.get_state(self.thread_id), history[0])
        self.client.threads.update_state(self.thread_id, {"topic": "rain"}, as_node="refine_topic")
        values = self.client.runs.wait(self.thread_id, "agent", input=None)
        self.assertEqual(values["joke"], "This is a joke about rain")

    def test_asked_and_answered(self) -> None:
        self.client.runs.wait(self.thread_id, "approval", input=TOPIC)
        self.assertEqual(self.client.threads.get(self.thread_id)["status"], "interrupted")
        values = self.client.runs.wait(self.thread_id, "approval", command={"resume": "yes"})
        self.assertEqual(values, REFINED | {"joke": "answer=yes"})

    def test_threads(self) -> None:
        changed = self.client.threads.update(self.thread_id, metadata={"k": 1})
        self.assertEqual(self.client.threads.get(self.thread_id), changed)
        self.client.threads.delete(self.thread_id)
        with self.assertRaisesRegex(Exception, "404|not found"):
            self.client.threads.get(self.thread_id)

    def test_assistants(self) -> None:
        [assistant] = self.client.assistants.search(graph_id="nested")
        assistant_id = assistant["assistant_id"]
        self.assertEqual(self.client.assistants.get(assistant_id), assistant)
        self.assertEqual(self.client.assistants.get_schemas(assistant_id)["graph_id"], "nested")
        self.assertEqual(self.client.assistants.get_subgraphs(assistant_id).keys(), {"node_2"})
        nodes = self.client.assistants.get_graph("nested", xray=True)["nodes"]
        self.assertIn("node_2:subgraph_node_2", [node["id"] for node in nodes])


if __name__ == "__main__":
    unittest.main()
