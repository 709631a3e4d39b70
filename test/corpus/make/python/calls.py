"""A gateway that calls the library with `requests`: redirected, tried again below one span, asked until a job is done."""

import os
import time

import requests
from fastapi import FastAPI
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from requests.adapters import HTTPAdapter
from telemetry import serve, start_tracing
from urllib3.util import Retry

start_tracing()
RequestsInstrumentor().instrument()
library = os.environ["LIBRARY"]
session = requests.Session()
session.mount("http://", HTTPAdapter(max_retries=Retry(total=4, status_forcelist=[503], backoff_factor=0.05)))
app = FastAPI()


@app.get("/ask")
def ask(q: str = ""):
    return requests.get(f"{library}/search?q={q}").json()


@app.get("/moved")
def moved():
    return requests.get(f"{library}/old").json()


@app.get("/retried")
def retried(key: str):
    return {"status": session.get(f"{library}/flaky?key={key}").status_code}


@app.get("/waited")
def waited(job: str):
    while requests.get(f"{library}/jobs/{job}").status_code == 202:
        time.sleep(0.05)
    return {}


@app.get("/page")
def page(name: str):
    return requests.get(f"{library}/cached?page={name}").json()


serve(app)
