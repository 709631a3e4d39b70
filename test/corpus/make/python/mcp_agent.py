"""An agent and its tools by the SDK of MCP for Python, over Streamable HTTP: both ends make their spans by themselves."""

import os
import sys

import httpx
from fastapi import FastAPI
from mcp.client.client import Client
from mcp.server import MCPServer
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from telemetry import serve, start_tracing

start_tracing()
library = os.environ["LIBRARY"]


def agent():
    app = FastAPI()

    @app.get("/ask")
    async def ask(q: str):
        async with Client(os.environ["TOOLS"]) as client:
            first = await client.call_tool("search", {"text": q})
            await client.call_tool("search", {"text": "more"})
        return {"answer": first.content[0].text}

    serve(app)


def tools():
    HTTPXClientInstrumentor().instrument()
    server = MCPServer("tools")

    @server.tool()
    async def search(text: str) -> str:
        async with httpx.AsyncClient() as client:
            return (await client.get(f"{library}/search?q={text}")).text

    server.run(transport="streamable-http", host="127.0.0.1", port=int(os.environ["PORT"]))


{"agent": agent, "tools": tools}[sys.argv[1]]()
