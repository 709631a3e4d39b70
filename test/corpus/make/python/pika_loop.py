"""A worker on pika, and a gateway that publishes to its queue."""

import os
import sys

import pika
from fastapi import FastAPI
from opentelemetry.instrumentation.pika import PikaInstrumentor
from telemetry import serve, start_tracing

start_tracing()
PikaInstrumentor().instrument()
app = FastAPI()


def channel():
    opened = pika.BlockingConnection(pika.URLParameters(os.environ["RABBIT"])).channel()
    opened.queue_declare("reports")
    return opened


@app.post("/report")
def report():
    channel().basic_publish(exchange="", routing_key="reports", body=b"one")


if sys.argv[1] == "gateway":
    serve(app)
else:
    reports = channel()
    reports.basic_consume("reports", lambda *_: None, auto_ack=True)
    print("ready")
    reports.start_consuming()
