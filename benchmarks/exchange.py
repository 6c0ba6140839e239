"""Server CPU of one signed, logged, idempotent exchange, next to a bare signed request.

Both servers run as processes of their own on loopback, in the same run on the same machine:

* the *floor* verifies the request's signature, digest and time and signs its answer, on the
  same web framework, with nothing else: no database, no log, no evidence;
* the *node* does a whole exchange: nonce, idempotency, the message's own work (a signed
  document, verified), evidence of both signatures; on SQLite and on PostgreSQL. For
  PostgreSQL the CPU of the database's processes is counted as well and shown apart.

Requests are signed before the clock starts. CPU is user and system time of the server's
processes divided by the requests; wall-clock time is shown and not compared.

    python -m benchmarks.exchange [--requests 400]
"""

import argparse
import http.client
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil

from interurban_node.agreements import service as agreements
from interurban_node.core.clock import system_clock
from interurban_node.core.context import Node, open_node
from interurban_node.demo import scenario, tables
from interurban_node.operation.service import make_home
from interurban_node.partners import service as partners
from interurban_node.settings import Settings
from interurban_protocol.agreements import Suspension
from interurban_protocol.http_messages import HttpRequest
from interurban_protocol.http_signatures import sign_request
from interurban_protocol.messages import write_message
from interurban_protocol.signed_documents import Signer, start_document
from tests.support.databases import fresh_postgresql_database, postgresql_url

ASKER, ANSWERER, FLOOR = (f"http://127.0.0.1:{port}" for port in (8191, 8192, 8193))
WARM_UP = 40
READY_SECONDS = 20


@dataclass(frozen=True)
class Figure:
    """What one server needed."""

    name: str
    requests: int
    server_ms: float
    database_ms: float
    wall_ms: float


def main() -> None:
    """Measure the floor, then the node on each engine, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400)
    count = parser.parse_args().requests
    with tempfile.TemporaryDirectory() as folder:
        figures = [floor(Path(folder) / "floor", count)]
        figures.append(node(Path(folder) / "sqlite", "", "node on SQLite", count))
        url = fresh_postgresql_database()
        figures.append(node(Path(folder) / "pg", url, "node on PostgreSQL", count))
    show(figures)


def show(figures: Sequence[Figure]) -> None:
    """The table, with ratios to the first row."""
    base = figures[0].server_ms
    print(f"{'':22}{'server CPU':>12}{'ratio':>8}{'database CPU':>14}{'wall':>10}")
    for figure in figures:
        print(
            f"{figure.name:22}{figure.server_ms:9.2f} ms{figure.server_ms / base:8.2f}"
            f"{figure.database_ms:11.2f} ms{figure.wall_ms:7.2f} ms"
        )
    print(
        f"{figures[0].requests} requests each, one connection, after {WARM_UP} to warm up"
    )


def floor(folder: Path, count: int) -> Figure:
    """The bare signed request."""
    asker = made_home(folder / "asker", ASKER, "")
    environment = {"INTERURBAN_BENCHMARK_KEY": asker.keys.exchange.public.jwk()["x"]}
    requests = [
        signed(asker, "PUT", f"{FLOOR}/message/{number}", b'{"number":%d}' % number)
        for number in range(count + WARM_UP)
    ]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "benchmarks.floor:app",
        "--port",
        "8193",
    ]
    return measured(
        "floor", [*command, "--log-level", "error"], environment, FLOOR, requests
    )


def node(folder: Path, database_url: str, name: str, count: int) -> Figure:
    """A whole exchange with a real node."""
    asker = made_home(folder / "asker", ASKER, "")
    answerer = made_home(folder / "answerer", ANSWERER, database_url)
    agreement_id = bound_together(asker, answerer)
    requests = [
        signed(asker, "PUT", f"{ANSWERER}/api/v1/messages/{number:032}", body)
        for number, body in enumerate(messages(asker, agreement_id, count + WARM_UP))
    ]
    answerer.close()
    command = [
        sys.executable,
        "-m",
        "interurban_node.cli",
        "serve",
        "--home",
        str(folder / "answerer"),
    ]
    return measured(name, command, {}, ANSWERER, requests)


def made_home(path: Path, origin: str, database_url: str) -> Node:
    """A demonstration node."""
    settings = Settings(
        origin=origin,
        name={"en": path.name},
        demo=True,
        bind_port=urlsplit(origin).port or 0,
        database_url=database_url,
        tick_seconds=3600,
        log_level="error",
    )
    make_home(path, settings, system_clock())
    return open_node(path)


def bound_together(asker: Node, answerer: Node) -> str:
    """Pin the two by what their operators would do, and give them an agreement."""
    now = system_clock()
    for one, other in ((asker, answerer), (answerer, asker)):
        descriptor = partners.own_descriptor(other)
        with one.database.transaction() as session:
            partners.meet(session, descriptor, now)
            partners.confirm(session, one, descriptor.words, now)
    statistics = tables.invented_statistics(now.date())
    plan, bundles = tables.release_plan(asker, statistics, (ASKER, ANSWERER), now)
    with asker.database.transaction() as session:
        plan_id = agreements.propose_plan(session, asker, plan, bundles, now)
        draft = scenario.agreement(plan_id, (ANSWERER,), now)
        agreement_id = agreements.propose(session, asker, draft, now)
    from interurban_node.core import outbox
    from interurban_protocol.messages import parse_message

    with asker.database.transaction() as session:
        intent = outbox.due(session, ("send-message",), now + timedelta(seconds=1))[0]
    with answerer.database.transaction() as session:
        sender = partners.pinned(session, ASKER)
        agreements.receive(
            session, answerer, sender, parse_message(intent.payload), now
        )
    return agreement_id


def messages(asker: Node, agreement_id: str, count: int) -> list[bytes]:
    """Suspensions and resumptions in turn: a signed document that changes a row."""
    signer = Signer(node=asker.origin, key_id=asker.keys.documents.public.key_id)
    bodies = []
    for number in range(count):
        notice = Suspension(
            signers=(signer,),
            agreement=agreement_id,
            by=ASKER,
            towards=ANSWERER,
            suspended=number % 2 == 0,
            reason=f"benchmark {number}",
            at=system_clock().replace(microsecond=0),
        )
        document = start_document(notice, asker.keys.documents)
        bodies.append(write_message("suspension", document))
    return bodies


def signed(asker: Node, method: str, url: str, body: bytes) -> HttpRequest:
    """A request, signed now and for as long as is accepted."""
    request = HttpRequest(method, url, {"content-type": "application/json"}, body)
    return sign_request(
        request,
        asker.keys.exchange,
        created=system_clock(),
        nonce=asker.identifiers.nonce(),
        lifetime_seconds=300,
    ).message


def measured(
    name: str,
    command: Sequence[str],
    environment: dict[str, str],
    origin: str,
    requests: Sequence[HttpRequest],
) -> Figure:
    """Start the server, send the requests one after the other, and read its CPU."""
    process = subprocess.Popen(command, env={**os.environ, **environment})
    try:
        connection = ready(origin)
        for request in requests[:WARM_UP]:
            send(connection, request)
        server, database = psutil.Process(process.pid), database_cpu()
        before, before_database, began = cpu(server), database(), time.perf_counter()
        for request in requests[WARM_UP:]:
            send(connection, request)
        count = len(requests) - WARM_UP
        wall = (time.perf_counter() - began) * 1000 / count
        spent = (cpu(server) - before) * 1000 / count
        beside = (database() - before_database) * 1000 / count
        return Figure(name, count, spent, beside, wall)
    finally:
        process.terminate()
        process.wait(timeout=20)


def ready(origin: str) -> http.client.HTTPConnection:
    """A connection, once the server accepts one."""
    parts = urlsplit(origin)
    deadline = time.monotonic() + READY_SECONDS
    while True:
        connection = http.client.HTTPConnection(
            parts.hostname or "", parts.port, timeout=10
        )
        try:
            connection.connect()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
            continue
        return connection


def send(connection: http.client.HTTPConnection, request: HttpRequest) -> None:
    """Send one request; anything but success ends the benchmark."""
    path = urlsplit(request.target_uri).path
    connection.request(request.method, path, request.body, dict(request.headers))
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != 200:
        raise SystemExit(
            f"{request.target_uri} answered {answer.status}: {body[:300]!r}"
        )


def cpu(process: psutil.Process) -> float:
    """User and system seconds of a process."""
    times = process.cpu_times()
    return float(times.user + times.system)


def database_cpu() -> Callable[[], float]:
    """Reads the CPU seconds of our PostgreSQL server's processes, ended ones included."""
    folder = parse_qs(urlsplit(postgresql_url()).query)["host"][0]
    main = next(
        process
        for process in psutil.process_iter(["name", "cmdline"])
        if process.info["name"] == "postgres"
        and any(folder in part for part in process.info["cmdline"] or ())
    )

    def read() -> float:
        times = main.cpu_times()
        ended = times.children_user + times.children_system
        return cpu(main) + ended + sum(cpu(child) for child in main.children())

    return read


if __name__ == "__main__":
    main()
