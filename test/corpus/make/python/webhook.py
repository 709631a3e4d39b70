"""Two services that call each other: planner takes a task, and calls gateway back when it is done. The second task fails."""

import asyncio
import os
import sys

import httpx
from fastapi import FastAPI
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from telemetry import serve, start_tracing

start_tracing()
HTTPXClientInstrumentor().instrument()
app = FastAPI()
other = os.environ["OTHER"]
tasks = set()


async def call(path):
    async with httpx.AsyncClient() as client:
        await client.post(f"{other}{path}")


async def later():
    await asyncio.sleep(0.3)
    await call("/done")


if sys.argv[1] == "gateway":

    @app.post("/ask")
    async def ask():
        await call("/tasks")

    @app.post("/done")
    async def done():
        return {}

else:

    @app.post("/tasks", status_code=202)
    async def take():
        tasks.add(asyncio.create_task(later()))


serve(app)
