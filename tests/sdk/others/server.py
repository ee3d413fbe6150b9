"""A server of the Model Context Protocol, made with the official package: on standard input and output."""

import os
import sys

from mcp.server import MCPServer

server = MCPServer("tests")


@server.tool()
def add(a: int, b: int) -> str:
    """Adds two numbers."""
    return f"{a} + {b} = {a + b}"


@server.tool()
def weather(city: str) -> str:
    """Tells the weather."""
    return f"sunny in {city}"


@server.tool()
def fail(why: str) -> str:
    """Fails."""
    raise ValueError(why)


@server.tool()
def die(how: str) -> str:
    """Ends the server."""
    print(how, file=sys.stderr)
    os._exit(3)


if __name__ == "__main__":
    server.run()
