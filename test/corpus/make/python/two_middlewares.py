"""Flask under its instrumentation, and under a middleware of the team's own, which extracts the headers and starts a SERVER span too."""

import os

from flask import Flask, request
from opentelemetry import propagate, trace
from opentelemetry.instrumentation.flask import FlaskInstrumentor
from telemetry import start_tracing

start_tracing()
app = Flask("planner")
tracer = trace.get_tracer("own-middleware")


@app.before_request
def begin():
    request.own_span = tracer.start_span(
        f"handle {request.path}", propagate.extract({name.lower(): value for name, value in request.headers}), kind=trace.SpanKind.SERVER
    )


@app.after_request
def end(response):
    request.own_span.end()
    return response


@app.get("/search")
def search():
    return {"found": []}


FlaskInstrumentor().instrument_app(app)
app.run(host="127.0.0.1", port=int(os.environ["PORT"]))
