"""A client gives up after 300 ms and asks again, while the first call is still being served."""

import asyncio
import os

import aiohttp
from fastapi import FastAPI
from opentelemetry.instrumentation.aiohttp_client import AioHttpClientInstrumentor
from telemetry import serve, start_tracing

start_tracing()
AioHttpClientInstrumentor().instrument()
app = FastAPI()


@app.get("/ask")
async def ask():
    for took in (0.8, 0.6, 0.05):
        try:
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.3)) as client:
                async with client.get(f"{os.environ['LIBRARY']}/search?q=slow&took={took}") as answer:
                    return await answer.json()
        except asyncio.TimeoutError:
            continue


serve(app)
