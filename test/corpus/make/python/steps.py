"""A report is answered at once, and made after that: six steps at regular times, each a call. Then it is over."""

import asyncio
import os

import httpx
from fastapi import FastAPI
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from telemetry import serve, start_tracing

start_tracing()
HTTPXClientInstrumentor().instrument()
app = FastAPI()
library = os.environ["LIBRARY"]
tasks = set()


async def make_report():
    async with httpx.AsyncClient() as client:
        for page in range(6):
            await asyncio.sleep(0.2)
            await client.get(f"{library}/search?q={page}")


@app.post("/report")
async def report():
    task = asyncio.create_task(make_report())
    tasks.add(task)
    return {"accepted": True}


@app.get("/ask")
async def ask():
    async with httpx.AsyncClient() as client:
        return (await client.get(f"{library}/search?q=ask")).json()


serve(app)
