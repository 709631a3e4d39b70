"""A client of the Python SDK, `client.py CARD BINDING STREAMS`: asks twenty questions at once, each in a trace of its own."""

import asyncio
import json
import sys

from a2a.client import ClientConfig, create_client
from a2a.helpers.proto_helpers import get_stream_response_text, new_text_message
from a2a.types.a2a_pb2 import AgentCard, Role, SendMessageRequest
from google.protobuf.json_format import Parse
from opentelemetry import trace
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.trace import TracerProvider

trace.set_tracer_provider(TracerProvider())
HTTPXClientInstrumentor().instrument()
card = Parse(sys.argv[1], AgentCard(), ignore_unknown_fields=True)


async def ask(client, question):
    with trace.get_tracer("test").start_as_current_span("turn") as span:
        text = ""
        request = SendMessageRequest(message=new_text_message(question, role=Role.ROLE_USER))
        async for response in client.send_message(request):
            text = get_stream_response_text(response) or text
            if response.HasField("task"):
                text = "".join(part.text for part in response.task.status.message.parts) or text
        return {"question": question, "traceId": f"{span.get_span_context().trace_id:032x}", "text": text}


async def main():
    config = ClientConfig(supported_protocol_bindings=[sys.argv[2]], streaming=sys.argv[3] == "true")
    client = await create_client(card, client_config=config)
    print(json.dumps(await asyncio.gather(*(ask(client, f"q{at}") for at in range(20)))))


asyncio.run(main())
