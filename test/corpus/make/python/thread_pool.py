"""A handler gives its call to a pool of threads. `carried` instruments threads, so that the context goes along."""

import os
import sys
from concurrent.futures import ThreadPoolExecutor

import requests
from fastapi import FastAPI
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from opentelemetry.instrumentation.threading import ThreadingInstrumentor
from telemetry import serve, start_tracing

start_tracing()
RequestsInstrumentor().instrument()
if sys.argv[1] == "carried":
    ThreadingInstrumentor().instrument()
pool = ThreadPoolExecutor(4)
app = FastAPI()


@app.get("/ask")
def ask(q: str):
    pages = [pool.submit(requests.get, f"{os.environ['LIBRARY']}/search?q={q}{page}") for page in range(2)]
    return [page.result().json() for page in pages]


serve(app)
