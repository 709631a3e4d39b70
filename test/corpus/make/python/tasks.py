"""Tasks of Celery: `flaky` is tried three times, `page` is one of several, `joined` comes after them, `deadly` ends its worker once."""

import os
import signal
import time

import requests
from celery import Celery, chord
from celery.signals import worker_process_init
from opentelemetry.instrumentation.celery import CeleryInstrumentor
from opentelemetry.instrumentation.requests import RequestsInstrumentor
from telemetry import start_tracing

app = Celery("tasks", broker=os.environ["REDIS"], backend=os.environ["REDIS"])
app.conf.update(worker_prefetch_multiplier=1, task_acks_late=True, task_reject_on_worker_lost=True)
library = os.environ.get("LIBRARY", "")


@worker_process_init.connect(weak=False)
def begin(**_):
    start_tracing()
    CeleryInstrumentor().instrument()
    RequestsInstrumentor().instrument()


@app.task(bind=True, autoretry_for=(ValueError,), retry_kwargs={"max_retries": 3, "countdown": 0.3})
def flaky(self):
    requests.get(f"{library}/search?q=try{self.request.retries}")
    if self.request.retries < 2:
        raise ValueError("not yet")


@app.task
def page(number):
    return requests.get(f"{library}/search?q={number}").json()


@app.task
def joined(pages):
    return len(pages)


@app.task
def deadly(mark):
    requests.get(f"{library}/search?q=deadly")
    time.sleep(0.5)
    if not os.path.exists(mark):
        open(mark, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)


def report():
    return chord(page.s(number) for number in range(3))(joined.s())
