"""An MCP server of the Python SDK: `server.py stdio` or `server.py PORT`. It tells its spans through a tool."""

import json
import sys

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

exporter = InMemorySpanExporter()
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)

from mcp.server.mcpserver import MCPServer  # noqa: E402

server = MCPServer("python")


@server.tool()
def add(a: int, b: int) -> str:
    with trace.get_tracer("test").start_as_current_span("work"):
        return str(a + b)


@server.tool()
def fail() -> str:
    raise ValueError("no")


@server.tool()
def spans() -> str:
    return json.dumps(
        [
            {
                "name": span.name,
                "kind": span.kind.name,
                "traceId": f"{span.context.trace_id:032x}",
                "spanId": f"{span.context.span_id:016x}",
                "parent": f"{span.parent.span_id:016x}" if span.parent else None,
            }
            for span in exporter.get_finished_spans()
        ]
    )


if sys.argv[1] == "stdio":
    server.run()
else:
    server.run("streamable-http", host="127.0.0.1", port=int(sys.argv[1]))
