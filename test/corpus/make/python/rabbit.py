"""Orders over RabbitMQ by aio-pika: a gateway publishes to an exchange, and each worker has a queue of its own at it."""

import asyncio
import os
import sys

import aio_pika
import httpx
from fastapi import FastAPI
from opentelemetry.instrumentation.aio_pika import AioPikaInstrumentor
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from telemetry import serve, start_tracing

start_tracing()
AioPikaInstrumentor().instrument()
HTTPXClientInstrumentor().instrument()
app = FastAPI()


async def exchange():
    channel = await (await aio_pika.connect_robust(os.environ["RABBIT"])).channel()
    return channel, await channel.declare_exchange("orders", aio_pika.ExchangeType.FANOUT)


@app.post("/order")
async def order():
    _, orders = await exchange()
    await orders.publish(aio_pika.Message(b"one"), routing_key="new")


async def work(name):
    channel, orders = await exchange()
    queue = await channel.declare_queue(name)
    await queue.bind(orders)

    async def handle(message):
        async with message.process(), httpx.AsyncClient() as client:
            await client.get(f"{os.environ['LIBRARY']}/search?q={name}")

    await queue.consume(handle)
    print("ready")
    await asyncio.Future()


if sys.argv[1] == "gateway":
    serve(app)
else:
    asyncio.run(work(sys.argv[1]))
