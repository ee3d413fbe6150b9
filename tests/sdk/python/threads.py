"""Threads and their states: read, changed, gone back to, asked for an answer; and the assistants of the server."""

import unittest

from client import JOKE, REFINED, TOPIC, UPDATES, ClientTest
from langgraph_sdk.errors import BadRequestError, ConflictError, NotFoundError


class Threads(ClientTest):
    async def told(self) -> str:
        """A thread on which a joke was told."""
        thread_id = await self.thread()
        await self.client.runs.wait(thread_id, "agent", input=TOPIC)
        return thread_id

    async def asked(self) -> str:
        """A thread on which a node asks."""
        thread_id = await self.thread()
        answer = await self.client.runs.wait(thread_id, "approval", input=TOPIC)
        [question] = answer["__interrupt__"]
        self.assertEqual(question["value"], {"question": "ok?", "topic": "ice cream and cats"})
        return thread_id

    async def test_created_changed_and_deleted(self) -> None:
        thread = await self.client.threads.create(metadata={"a": 1})
        thread_id = thread["thread_id"]
        self.assertEqual(await self.client.threads.get(thread_id), thread)
        with self.assertRaises(ConflictError):
            await self.client.threads.create(thread_id=thread_id)
        again = await self.client.threads.create(thread_id=thread_id, if_exists="do_nothing")
        self.assertEqual(again, thread)
        changed = await self.client.threads.update(thread_id, metadata={"b": 2})
        self.assertEqual(changed["metadata"], {"a": 1, "b": 2})
        await self.client.threads.delete(thread_id)
        with self.assertRaises(NotFoundError):
            await self.client.threads.get(thread_id)

    async def test_state(self) -> None:
        thread_id = await self.thread()
        empty = await self.client.threads.get_state(thread_id)
        self.assertEqual((empty["values"], empty["next"]), ({}, []))
        await self.client.runs.wait(thread_id, "agent", input=TOPIC)
        state = await self.client.threads.get_state(thread_id)
        self.assertEqual((state["values"], state["next"], state["tasks"]), (REFINED | JOKE, [], []))
        self.assertEqual(state["metadata"]["step"], 2)
        same = await self.client.threads.get_state(thread_id, checkpoint=state["checkpoint"])
        self.assertEqual(same, state)
        checkpoint_id = state["checkpoint"]["checkpoint_id"]
        same = await self.client.threads.get_state(thread_id, checkpoint_id=checkpoint_id)
        self.assertEqual((same["values"], same["metadata"]), (state["values"], state["metadata"]))

    async def test_history(self) -> None:
        history = await self.client.threads.get_history(await self.told())
        self.assertEqual([state["metadata"]["step"] for state in history], [2, 1, 0, -1])
        self.assertEqual([state["next"] for state in history], [[], ["generate_joke"], ["refine_topic"], ["__start__"]])
        for state, parent in zip(history, history[1:]):
            self.assertEqual(state["parent_checkpoint"], parent["checkpoint"])
        thread_id = history[0]["checkpoint"]["thread_id"]
        older = await self.client.threads.get_history(thread_id, before=history[1]["checkpoint"], limit=1)
        self.assertEqual(older, history[2:3])
        inputs = await self.client.threads.get_history(thread_id, metadata={"source": "input"})
        self.assertEqual(inputs, history[3:])

    async def test_changed_by_hand(self) -> None:
        thread_id = await self.told()
        changed = await self.client.threads.update_state(thread_id, {"topic": "rain"}, as_node="refine_topic")
        state = await self.client.threads.get_state(thread_id)
        self.assertEqual(state["checkpoint"], changed["checkpoint"])
        self.assertEqual((state["values"]["topic"], state["next"]), ("rain", ["generate_joke"]))
        values = await self.client.runs.wait(thread_id, "agent", input=None)
        self.assertEqual(values["joke"], "This is a joke about rain")
        with self.assertRaises(BadRequestError):
            await self.client.threads.update_state(thread_id, {"topic": "rain"}, as_node="no-such-node")

    async def test_gone_back_to(self) -> None:
        thread_id = await self.told()
        [_, refined, *_] = await self.client.threads.get_history(thread_id)
        chunks = self.client.runs.stream(
            thread_id, "agent", input=None, checkpoint=refined["checkpoint"], stream_mode="updates"
        )
        self.assertEqual([chunk.data async for chunk in chunks][1:], UPDATES[1:])

    async def test_asked_and_answered(self) -> None:
        thread_id = await self.asked()
        thread = await self.client.threads.get(thread_id)
        self.assertEqual(thread["status"], "interrupted")
        state = await self.client.threads.get_state(thread_id)
        self.assertEqual(state["next"], ["ask"])
        self.assertEqual(state["interrupts"], state["tasks"][0]["interrupts"])
        self.assertEqual(thread["interrupts"], {state["tasks"][0]["id"]: state["interrupts"]})
        chunks = self.client.runs.stream(thread_id, "approval", command={"resume": "yes"}, stream_mode="updates")
        self.assertEqual([chunk.data async for chunk in chunks][1:], [{"ask": {"joke": "answer=yes"}}])
        self.assertEqual((await self.client.threads.get(thread_id))["status"], "idle")

    async def test_two_questions_answered_by_id(self) -> None:
        thread_id = await self.thread()
        asked = await self.client.runs.wait(thread_id, "approvals", input={"out": []})
        answers = {question["id"]: f"to {question['value']}" for question in asked["__interrupt__"]}
        self.assertEqual(sorted(answers.values()), ["to a1", "to b1"])
        asked = await self.client.runs.wait(thread_id, "approvals", command={"resume": answers})
        self.assertEqual([question["value"] for question in asked["__interrupt__"]], ["a2"])
        values = await self.client.runs.wait(thread_id, "approvals", command={"resume": "to a2"})
        self.assertEqual(values["out"], ["a:to a1,to a2", "b:to b1"])

    async def test_stopped_before_a_node(self) -> None:
        thread_id = await self.thread()
        values = await self.client.runs.wait(
            thread_id, "agent", input=TOPIC, interrupt_before=["generate_joke"]
        )
        self.assertEqual(values, REFINED)
        values = await self.client.runs.wait(thread_id, "agent", input=None)
        self.assertEqual(values, REFINED | JOKE)

    async def test_a_question_from_below(self) -> None:
        thread_id = await self.thread()
        await self.client.runs.wait(thread_id, "deep", input={"out": []})
        state = await self.client.threads.get_state(thread_id, subgraphs=True)
        tasks = []
        while state:
            [task] = state["tasks"]
            tasks.append(task["name"])
            state = task["state"]
        self.assertEqual(tasks, ["gp_two", "p_two", "c_two"])
        self.assertEqual(task["interrupts"][0]["value"], "how deep?")


class Assistants(ClientTest):
    async def id_of(self, graph_id: str) -> str:
        [assistant] = await self.client.assistants.search(graph_id=graph_id)
        return assistant["assistant_id"]

    async def test_found(self) -> None:
        assistant = await self.client.assistants.get(await self.id_of("agent"))
        self.assertEqual((assistant["graph_id"], assistant["version"]), ("agent", 1))
        self.assertEqual(await self.client.assistants.count(graph_id="agent"), 1)
        page = await self.client.assistants.search(limit=2, response_format="object")
        self.assertEqual((len(page["assistants"]), page["next"]), (2, "2"))
        values = await self.client.runs.wait(None, assistant["assistant_id"], input=TOPIC)
        self.assertEqual(values, REFINED | JOKE)

    async def test_drawn(self) -> None:
        graph = await self.client.assistants.get_graph("agent")
        names = [node["id"] for node in graph["nodes"]]
        self.assertEqual(names, ["__start__", "refine_topic", "generate_joke", "__end__"])
        edges = {(edge["source"], edge["target"]) for edge in graph["edges"]}
        self.assertEqual(edges, set(zip(names, names[1:])))

    async def test_described(self) -> None:
        schemas = await self.client.assistants.get_schemas(await self.id_of("agent"))
        self.assertEqual(schemas["graph_id"], "agent")
        self.assertEqual(schemas["state_schema"]["properties"].keys(), {"topic", "joke"})

    async def test_described_with_what_is_inside(self) -> None:
        subgraphs = await self.client.assistants.get_subgraphs(await self.id_of("nested"))
        self.assertEqual(subgraphs.keys(), {"node_2"})
        self.assertEqual(subgraphs["node_2"]["state_schema"]["properties"].keys(), {"foo", "bar"})
        deep = await self.client.assistants.get_subgraphs(await self.id_of("deep"), recurse=True)
        self.assertEqual(deep.keys(), {"gp_two", "gp_two|p_two"})
        below = await self.client.assistants.get_subgraphs(await self.id_of("deep"), "gp_two", recurse=True)
        self.assertLessEqual({"gp_two"}, below.keys())


if __name__ == "__main__":
    unittest.main()
