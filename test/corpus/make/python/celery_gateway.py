"""A gateway that puts tasks on Celery's queue."""

import tempfile

import tasks
from fastapi import FastAPI
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from telemetry import serve, start_tracing

start_tracing()
CeleryInstrumentor().instrument()
app = FastAPI()


@app.post("/flaky")
def flaky():
    tasks.flaky.delay()


@app.post("/report")
def report():
    tasks.report()


@app.post("/deadly")
def deadly():
    tasks.deadly.delay(tempfile.mktemp())


serve(app)
