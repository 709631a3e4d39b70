"""Trace ids are made from the session, so that 'all of a session is found under one id': its requests are roots of one trace."""

import contextvars
import hashlib
import os

import requests
from fastapi import FastAPI, Request
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from telemetry import serve, start_tracing

session = contextvars.ContextVar("session", default="none")


class SessionIds(RandomIdGenerator):
    def generate_trace_id(self):
        return int(hashlib.md5(session.get().encode()).hexdigest(), 16)


class Sessions:
    """Outside of the instrumentation, so that the session is known when the trace begins."""

    def __init__(self, inner):
        self.inner = inner

    async def __call__(self, scope, receive, send):
        session.set(dict(scope.get("headers", [])).get(b"x-session", b"none").decode())
        await self.inner(scope, receive, send)


start_tracing(id_generator=SessionIds())
RequestsInstrumentor().instrument()
app = FastAPI()


@app.get("/ask")
def ask(q: str):
    return requests.get(f"{os.environ['LIBRARY']}/search?q={q}").json()


if __name__ == "__main__":
    import uvicorn
    from opentelemetry.instrumentation.fastapi import FastAPIInstrumentor

    FastAPIInstrumentor.instrument_app(app, exclude_spans=["receive", "send"])
    uvicorn.run(Sessions(app), host="127.0.0.1", port=int(os.environ["PORT"]), log_level="warning")
