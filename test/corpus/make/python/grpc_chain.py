"""gRPC from a gateway to a library: one answer, and a stream of them that goes on after the caller has what it wants."""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import grpc
from fastapi import FastAPI
from opentelemetry.instrumentation.grpc import GrpcInstrumentorClient, GrpcInstrumentorServer
from telemetry import serve, start_tracing

start_tracing()
messages, services = grpc.protos_and_services("search.proto")
app = FastAPI()


class Library(services.LibraryServicer):
    def Search(self, query, _):
        return messages.Page(text=query.text)

    def Pages(self, query, _):
        for number in range(5):
            time.sleep(0.05)
            yield messages.Page(text=f"{query.text} {number}")


def call():
    GrpcInstrumentorClient().instrument()
    library = services.LibraryStub(grpc.insecure_channel(os.environ["LIBRARY"]))

    @app.get("/ask")
    def ask():
        library.Search(messages.Query(text="a"))
        return {"pages": [page.text for page in library.Pages(messages.Query(text="b"))]}

    serve(app)


def answer():
    GrpcInstrumentorServer().instrument()
    server = grpc.server(ThreadPoolExecutor(4))
    services.add_LibraryServicer_to_server(Library(), server)
    server.add_insecure_port(f"127.0.0.1:{os.environ['PORT']}")
    server.start()
    server.wait_for_termination()


{"gateway": call, "library": answer}[sys.argv[1]]()
