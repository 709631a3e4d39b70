"""Kafka by librdkafka. `one` takes a message at a time, `batch` five at once, under one span of its own without links."""

import os
import sys

import requests
from confluent_kafka import Consumer, Producer
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.instrumentation.confluent_kafka import ConfluentKafkaInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from telemetry import serve, start_tracing

start_tracing()
RequestsInstrumentor().instrument()
kafka, topic = {"bootstrap.servers": os.environ["KAFKA"]}, os.environ["TOPIC"]
library = os.environ.get("LIBRARY")
app = FastAPI()


def produce():
    producer = ConfluentKafkaInstrumentor().instrument_producer(Producer(kafka))

    @app.post("/order")
    def order(count: int):
        for nth in range(count):
            producer.produce(topic, b"order %d" % nth)
        producer.flush()

    serve(app)


def consumer():
    made = Consumer({**kafka, "group.id": "worker", "auto.offset.reset": "earliest", "fetch.wait.max.ms": 100})
    made.subscribe([topic])
    return made


def one_by_one():
    made = ConfluentKafkaInstrumentor().instrument_consumer(consumer())
    print("ready")
    while True:
        if (message := made.poll(0.2)) is not None and message.error() is None:
            requests.get(f"{library}/search?q={message.offset()}")


def in_batches():
    tracer = trace.get_tracer("worker")
    made = consumer()
    print("ready")
    while True:
        messages = [message for message in made.consume(5, 2) if message.error() is None]
        if not messages:
            continue
        about = {
            "messaging.system": "kafka",
            "messaging.destination.name": topic,
            "messaging.operation.type": "process",
            "messaging.operation.name": "process",
            "messaging.batch.message_count": len(messages),
            "messaging.consumer.group.name": "worker",
        }
        with tracer.start_as_current_span(f"process {topic}", kind=trace.SpanKind.CONSUMER, attributes=about):
            requests.get(f"{library}/search?q=batch")


{"gateway": produce, "one": one_by_one, "batch": in_batches}[sys.argv[1]]()
