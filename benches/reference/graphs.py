"""The graphs that are measured, as Python's `langgraph` has them."""

from typing import Literal, TypedDict

from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph


class JokeState(TypedDict):
    topic: str
    joke: str


def refine_topic(state: JokeState):
    return {"topic": state["topic"] + " and cats"}


def generate_joke(state: JokeState):
    return {"joke": f"This is a joke about {state['topic']}"}


agent = (
    StateGraph(JokeState)
    .add_node(refine_topic)
    .add_node(generate_joke)
    .add_edge(START, "refine_topic")
    .add_edge("refine_topic", "generate_joke")
    .add_edge("generate_joke", END)
    .compile()
)


class FloodState(TypedDict):
    n: int
    out: str


async def emit(state: FloodState):
    write = get_stream_writer()
    for i in range(state["n"]):
        write({"i": i})
    return {"out": "done"}


bench = StateGraph(FloodState).add_node(emit).add_edge(START, "emit").compile()


class CountState(TypedDict):
    n: int
    i: int


def step(state: CountState):
    return {"i": (state.get("i") or 0) + 1}


def more(state: CountState) -> Literal["step", "__end__"]:
    return "step" if state["i"] < state["n"] else END


# Compiled by whoever runs it: `supersteps.py` brings a place to keep checkpoints.
cycle = StateGraph(CountState).add_node(step).add_edge(START, "step").add_conditional_edges("step", more)
