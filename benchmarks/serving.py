"""Serving a stored release by SDMX: requests a second and core, with and without ETag.

The release is public. *In process* calls the web
application itself, without a socket; *uvicorn* is a server process on loopback that is asked
over one connection. A core is a second of user and system time of the process that serves,
so that other work on the machine, and the asking itself, are not counted against it.

    python -m benchmarks.serving [--requests 2000]
"""

import argparse
import asyncio
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

import psutil
from benchmarks.exchange import cpu, ready
from fastapi import FastAPI

from interurban_node.app import create_app
from interurban_node.core.context import open_node
from tests.support.sdmx import a_federation, a_service
from tests.support.statistics import a_structure

PORT = 8194
HOME = "INTERURBAN_BENCHMARK_HOME"
WARM_UP = 100
CSV = "application/vnd.sdmx.data+csv;version=2.0.0"
VERSION = "2.0.0"
DATA = f"/public/sdmx/2/data/dataflow/INTERURBAN/COMPLETION/{VERSION}"
NOTHING = "/health/live"


def served() -> FastAPI:
    """The application of the home that the environment names; for uvicorn."""
    return create_app(open_node(Path(os.environ[HOME])))


def main() -> None:
    """Make a city with a public release, and ask for it in both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2_000)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        federation = a_federation(Path(folder))
        structure = replace(a_structure(programmes=20, ages=6), version=VERSION)
        service = a_service(federation, is_public=True, structure=structure)
        answer = service.get(DATA, CSV)
        tag = answer.headers["etag"]
        asked = {
            "whole data file": (DATA, {"accept": CSV, "accept-encoding": "identity"}),
            "the same, compressed": (DATA, {"accept": CSV, "accept-encoding": "gzip"}),
            "not changed (304)": (DATA, {"accept": CSV, "if-none-match": tag}),
            "nothing (/health/live)": (NOTHING, {}),
        }
        print(f"{len(answer.content):,} bytes, {count} requests of each kind")
        print(f"{'requests a second and core':26}{'in process':>12}{'uvicorn':>12}")
        app = create_app(service.node)
        with Server(Path(folder) / "lakeside") as server:
            for name, (path, headers) in asked.items():
                inside = asyncio.run(in_process(app, path, headers, count))
                outside = server.measured(path, headers, count)
                print(f"{name:26}{inside:12,.0f}{outside:12,.0f}")
        federation.close()


async def in_process(
    app: FastAPI, path: str, headers: Mapping[str, str], count: int
) -> float:
    """Requests for each second of this process, without a socket."""
    for _ in range(WARM_UP):
        await call(app, path, headers)
    began = time.process_time()
    for _ in range(count):
        await call(app, path, headers)
    return count / (time.process_time() - began)


async def call(app: FastAPI, path: str, headers: Mapping[str, str]) -> None:
    """One request by the ASGI protocol; its answer is read and dropped."""
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", PORT),
    }
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    if statuses not in ([200], [304]):
        raise SystemExit(f"{path} answered {statuses}")


class Server:
    """A server process for one home."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "uvicorn", "benchmarks.serving:served"]
        options = ["--factory", "--port", str(PORT), "--log-level", "error"]
        environment = {**os.environ, HOME: str(home)}
        self.process = subprocess.Popen([*command, *options], env=environment)

    def __enter__(self) -> Self:
        self.connection = ready(f"http://127.0.0.1:{PORT}")
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.wait(timeout=20)

    def measured(self, path: str, headers: Mapping[str, str], count: int) -> float:
        """Requests for each second of the server's processor time."""
        for _ in range(WARM_UP):
            ask(self.connection, path, headers)
        process = psutil.Process(self.process.pid)
        before = cpu(process)
        for _ in range(count):
            ask(self.connection, path, headers)
        return count / (cpu(process) - before)


def ask(
    connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]
) -> None:
    """One request over the connection; its answer is read and dropped."""
    connection.request("GET", path, headers=dict(headers))
    answer = connection.getresponse()
    answer.read()
    if answer.status not in (200, 304):
        raise SystemExit(f"{path} answered {answer.status}")


if __name__ == "__main__":
    main()
