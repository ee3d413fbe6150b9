"""Prints how many durable supersteps a second Python's `langgraph` does with SQLite.

    supersteps.py FOLDER THREADS STEPS

Each of THREADS threads counts to STEPS on an OS thread of its own, with durability `sync`.
"""

import sys
import time
from concurrent.futures import ThreadPoolExecutor

from graphs import cycle
from langgraph.checkpoint.sqlite import SqliteSaver

folder, threads, steps = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])

with SqliteSaver.from_conn_string(f"{folder}/checkpoints.sqlite") as saver:
    saver.setup()
    graph = cycle.compile(checkpointer=saver)

    def count(thread):
        config = {"configurable": {"thread_id": str(thread)}, "recursion_limit": steps + 2}
        return graph.invoke({"n": steps}, config, durability="sync")["i"]

    with ThreadPoolExecutor(threads) as pool:
        start = time.perf_counter()
        counted = sum(pool.map(count, range(threads)))
        seconds = time.perf_counter() - start

assert counted == threads * steps
print(counted / seconds)
