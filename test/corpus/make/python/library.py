"""A service at the end of a chain: it searches, and calls nobody."""

import asyncio

from fastapi import FastAPI, Response
from telemetry import serve, start_tracing

start_tracing()
app = FastAPI()
jobs = {}
failures = {}


@app.get("/search")
async def search(q: str = "", took: float = 0.01):
    await asyncio.sleep(took)
    return {"found": [q]}


@app.get("/old")
async def old(response: Response):
    response.status_code, response.headers["location"] = 307, "/search?q=moved"


@app.get("/flaky")
async def flaky(key: str, response: Response):
    failures[key] = failures.get(key, 0) + 1
    response.status_code = 200 if failures[key] > 2 else 503
    return {}


@app.get("/jobs/{name}")
async def job(name: str, response: Response):
    jobs[name] = jobs.get(name, 0) + 1
    response.status_code = 200 if jobs[name] > 20 else 202
    return {}


@app.get("/cached")
async def cached(page: str, response: Response):
    response.headers["cache-control"] = "max-age=60"
    await asyncio.sleep(0.05)
    return {"page": page}


serve(app)
