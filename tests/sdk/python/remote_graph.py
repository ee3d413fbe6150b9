"""`RemoteGraph` of the package `langgraph`, unchanged: a graph of the server as if it were a local one."""

import unittest
from typing import TypedDict
from uuid import uuid4

from client import JOKE, REFINED, TOPIC, UPDATES, URL, VALUES
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph.types import Command

QUESTION = {"question": "ok?", "topic": "ice cream and cats"}
FOO = {"foo": "foo"}


class Joke(TypedDict):
    topic: str
    joke: str


def remote(assistant_id: str) -> RemoteGraph:
    return RemoteGraph(assistant_id, url=URL)


def on_thread() -> dict:
    return {"configurable": {"thread_id": str(uuid4())}}


class Runs(unittest.TestCase):
    def test_invoke(self) -> None:
        self.assertEqual(remote("agent").invoke(TOPIC), REFINED | JOKE)

    def test_invoke_on_a_thread_keeps_its_state(self) -> None:
        graph, config = remote("agent"), on_thread()
        self.assertEqual(graph.invoke(TOPIC, config), REFINED | JOKE)
        self.assertEqual(graph.get_state(config).values, REFINED | JOKE)

    def test_stream_of_one_mode(self) -> None:
        graph = remote("agent")
        self.assertEqual(list(graph.stream(TOPIC)), UPDATES)
        self.assertEqual(list(graph.stream(TOPIC, stream_mode="values")), VALUES)
        for mode in ("debug", "tasks", "checkpoints"):
            self.assertTrue(list(graph.stream(TOPIC, on_thread(), stream_mode=mode)), mode)

    def test_stream_of_several_modes(self) -> None:
        chunks = list(remote("custom").stream({"topic": "x"}, stream_mode=["custom", "updates"]))
        self.assertEqual([chunk.event for chunk in chunks], ["custom"] * 4 + ["updates"])
        self.assertEqual(chunks[-1].data, {"progress": {"joke": "done x"}})

    def test_stream_of_messages(self) -> None:
        told = list(remote("tagged").stream(TOPIC, stream_mode="messages"))
        jokes = [message["content"] for message, metadata in told if "joke" in metadata["tags"]]
        self.assertEqual("".join(jokes), "joke on ice cream")

    def test_stream_of_subgraphs(self) -> None:
        told = list(remote("nested").stream(FOO, subgraphs=True))
        self.assertEqual([update for _, update in told], [
            {"node_1": {"foo": "hi! foo"}},
            {"subgraph_node_1": {"bar": "bar"}},
            {"subgraph_node_2": {"foo": "hi! foobar"}},
            {"node_2": {"foo": "hi! foobar"}},
        ])
        self.assertEqual([len(namespace) for namespace, _ in told], [0, 1, 1, 0])
        self.assertTrue(told[1][0][0].startswith("node_2:"))
        self.assertEqual(len(list(remote("nested").stream(FOO))), 2)

    def test_an_error_is_an_exception(self) -> None:
        with self.assertRaisesRegex(RemoteException, "boom"):
            remote("failing").invoke({"out": []})

    def test_configuration_goes_along(self) -> None:
        graph = remote("loop").with_config({"recursion_limit": 3})
        with self.assertRaisesRegex(RemoteException, "GraphRecursionError"):
            graph.invoke({"n": 9})


class States(unittest.TestCase):
    def test_history(self) -> None:
        graph, config = remote("agent"), on_thread()
        graph.invoke(TOPIC, config)
        history = list(graph.get_state_history(config))
        self.assertEqual([state.metadata["step"] for state in history], [2, 1, 0, -1])
        self.assertEqual(history[0].parent_config, history[1].config)
        self.assertEqual(graph.get_state(history[1].config).next, ("generate_joke",))
        self.assertEqual(list(graph.get_state_history(config, before=history[1].config, limit=1)), history[2:3])

    def test_changed_by_hand(self) -> None:
        graph, config = remote("agent"), on_thread()
        graph.invoke(TOPIC, config)
        changed = graph.update_state(config, {"topic": "rain"}, as_node="refine_topic")
        self.assertEqual(graph.get_state(config).config, changed)
        self.assertEqual(graph.invoke(None, config)["joke"], "This is a joke about rain")

    def test_asked_and_answered(self) -> None:
        graph, config = remote("approval"), on_thread()
        [question] = graph.invoke(TOPIC, config)["__interrupt__"]
        self.assertEqual(question["value"], QUESTION)
        state = graph.get_state(config)
        self.assertEqual(state.next, ("ask",))
        self.assertEqual([interrupt.value for interrupt in state.interrupts], [QUESTION])
        told = list(graph.stream(Command(resume="yes"), config))
        self.assertEqual(told, [{"ask": {"joke": "answer=yes"}}])

    def test_stopped_before_a_node(self) -> None:
        graph, config = remote("agent"), on_thread()
        graph.invoke(TOPIC, config, interrupt_before=["generate_joke"])
        self.assertEqual(graph.get_state(config).next, ("generate_joke",))
        self.assertEqual(graph.invoke(None, config), REFINED | JOKE)

    def test_states_of_subgraphs(self) -> None:
        graph, config = remote("deep"), on_thread()
        graph.invoke({"out": []}, config)
        state = graph.get_state(config, subgraphs=True)
        [parent] = state.tasks[0].state.tasks
        self.assertEqual((state.next, parent.name), (("gp_two",), "p_two"))
        self.assertEqual(parent.state.tasks[0].interrupts[0].value, "how deep?")


class Pictures(unittest.TestCase):
    def test_drawn(self) -> None:
        graph = remote("agent").get_graph()
        self.assertEqual(list(graph.nodes), ["__start__", "refine_topic", "generate_joke", "__end__"])
        self.assertIn("refine_topic --> generate_joke", graph.draw_mermaid())

    def test_drawn_with_what_is_inside(self) -> None:
        self.assertIn("node_2:subgraph_node_1", remote("nested").get_graph(xray=True).nodes)


class AsANode(unittest.TestCase):
    """A graph of the server as a node of a graph of this process."""

    def around(self, inner: RemoteGraph):
        graph = StateGraph(Joke).add_node("before", lambda state: {"topic": state["topic"]})
        graph.add_node("inner", inner)
        return graph.add_edge(START, "before").add_edge("before", "inner").compile(InMemorySaver())

    def test_its_result_is_the_nodes_update(self) -> None:
        graph = self.around(remote("agent"))
        self.assertEqual(graph.invoke(TOPIC, on_thread()), REFINED | JOKE)

    def test_its_events_are_those_of_a_subgraph(self) -> None:
        graph = self.around(remote("agent"))
        told = list(graph.stream(TOPIC, on_thread(), stream_mode="updates", subgraphs=True))
        self.assertEqual([update for _, update in told], [{"before": TOPIC}, *UPDATES, {"inner": REFINED | JOKE}])
        self.assertTrue(told[1][0][0].startswith("inner:"))

    def test_its_question_pauses_the_graph_around_it(self) -> None:
        graph, config = self.around(remote("approval")), on_thread()
        [question] = graph.invoke(TOPIC, config)["__interrupt__"]
        self.assertEqual(question.value, QUESTION)
        self.assertEqual(graph.get_state(config).next, ("inner",))
        told = graph.invoke(Command(resume={question.id: "yes"}), config)
        self.assertEqual(told, REFINED | {"joke": "answer=yes"})


class Asynchronously(unittest.IsolatedAsyncioTestCase):
    async def test_invoke_and_stream(self) -> None:
        graph = remote("agent")
        self.assertEqual(await graph.ainvoke(TOPIC), REFINED | JOKE)
        self.assertEqual([update async for update in graph.astream(TOPIC)], UPDATES)

    async def test_states(self) -> None:
        graph, config = remote("approval"), on_thread()
        await graph.ainvoke(TOPIC, config)
        self.assertEqual((await graph.aget_state(config)).next, ("ask",))
        await graph.aupdate_state(config, {"topic": "rain"})
        values = await graph.ainvoke(Command(resume="yes"), config)
        self.assertEqual(values, {"topic": "rain", "joke": "answer=yes"})
        history = [state async for state in graph.aget_state_history(config)]
        self.assertEqual(history[0].values, values)
        self.assertIn("ask", (await graph.aget_graph()).nodes)


if __name__ == "__main__":
    # The clients that a remote graph makes for itself are never closed, which is none of our business.
    unittest.main(warnings="ignore")
