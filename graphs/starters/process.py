"""A node of a graph: one JSON object a line comes in on standard input, and others go out on standard output."""

import json
import sys


def say(line):
    print(json.dumps(line), flush=True)


def count(state):
    words = state.get("text", "").split()
    # Whoever listens to the stream mode `custom` sees this at once.
    say({"event": {"counting": len(words)}})
    # What is returned is written to the state.
    return {"words": len(words), "longest": max(words, key=len, default="")}


# Each line is a call. The end of the input is the end of the program.
for line in sys.stdin:
    call = json.loads(line)["call"]
    try:
        say({"return": count(call["state"])})
    except Exception as error:
        say({"error": {"class": type(error).__name__, "message": str(error)}})
