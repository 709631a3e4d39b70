"""A client of the Python SDK: `client.py URL MODE`. It calls a tool in a span of its own, and prints its spans."""

import asyncio
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

from mcp.client.client import Client  # noqa: E402


async def main() -> None:
    async with Client(sys.argv[1], mode=sys.argv[2]) as client:
        with trace.get_tracer("test").start_as_current_span("agent"):
            result = await client.call_tool("add", {"text": "x"})
    print(
        json.dumps(
            {
                "answer": result.content[0].text,
                "spans": [
                    {
                        "name": span.name,
                        "traceId": f"{span.context.trace_id:032x}",
                        "spanId": f"{span.context.span_id:016x}",
                        "parent": f"{span.parent.span_id:016x}" if span.parent else None,
                    }
                    for span in exporter.get_finished_spans()
                ],
            }
        )
    )


asyncio.run(main())
