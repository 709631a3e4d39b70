"""An agent of the Python SDK, `server.py PORT`: it answers with the trace that it works in, and with its caller's span."""

import asyncio
import json
import sys

import uvicorn
from a2a.helpers.proto_helpers import new_text_message
from a2a.server.agent_execution import AgentExecutor
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_jsonrpc_routes, create_rest_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types.a2a_pb2 import AgentCapabilities, AgentCard, AgentInterface
from opentelemetry import baggage, trace
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.sdk.trace import TracerProvider
from starlette.applications import Starlette

trace.set_tracer_provider(TracerProvider())
url = f"http://127.0.0.1:{sys.argv[1]}"


class Echo(AgentExecutor):
    async def execute(self, context, event_queue):
        await asyncio.sleep(0)
        seen = trace.get_current_span().get_span_context()
        said = {
            "question": context.get_user_input(),
            "traceId": f"{seen.trace_id:032x}",
            "tenant": baggage.get_baggage("tenant"),
            "traceparent": context.call_context.state["headers"].get("traceparent"),
        }
        await event_queue.enqueue_event(new_text_message(json.dumps(said)))

    async def cancel(self, context, event_queue):
        raise NotImplementedError


card = AgentCard(
    name="python",
    description="echoes",
    version="1.0.0",
    capabilities=AgentCapabilities(streaming=True),
    default_input_modes=["text/plain"],
    default_output_modes=["text/plain"],
    supported_interfaces=[
        AgentInterface(url=f"{url}/rpc", protocol_binding="JSONRPC", protocol_version="1.0"),
        AgentInterface(url=url, protocol_binding="HTTP+JSON", protocol_version="1.0"),
    ],
)
handler = DefaultRequestHandler(agent_executor=Echo(), task_store=InMemoryTaskStore(), agent_card=card)
app = Starlette(routes=[*create_jsonrpc_routes(handler, "/rpc"), *create_rest_routes(handler)])
uvicorn.run(OpenTelemetryMiddleware(app), host="127.0.0.1", port=int(sys.argv[1]), log_level="warning")
