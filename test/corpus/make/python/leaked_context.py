"""A worker thread attaches the context of its first job, and never detaches it: later jobs hang from the first request."""

import os
import queue
import threading

import requests
from fastapi import FastAPI
from opentelemetry import context, trace
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from telemetry import serve, start_tracing

start_tracing()
RequestsInstrumentor().instrument()
tracer = trace.get_tracer("jobs")
app = FastAPI()
jobs = queue.Queue()


def work():
    attached = False
    while True:
        q, sent, done = jobs.get()
        if not attached:
            context.attach(sent)
            attached = True
        with tracer.start_as_current_span("job"):
            requests.get(f"{os.environ['LIBRARY']}/search?q={q}")
        done.set()


threading.Thread(target=work, daemon=True).start()


@app.get("/ask")
def ask(q: str):
    done = threading.Event()
    jobs.put((q, context.get_current(), done))
    done.wait()
    return {}


serve(app)
