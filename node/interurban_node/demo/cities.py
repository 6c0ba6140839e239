"""The three cities of a demonstration: their homes, and their nodes as real processes."""

import fcntl
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from interurban_node.core.client import Client
from interurban_node.core.context import Node, open_node
from interurban_node.core.errors import ConfigurationError, PartnerError, StateError
from interurban_node.operation.service import make_home
from interurban_node.settings import Settings

PORTS = (8101, 8102, 8103)
MARKER = ".interurban-demo"  # a folder is emptied only where this says that it is ours
READY_SECONDS = 30
TICK_SECONDS = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class CityPlan:
    """A city of the story before it has a node."""

    key: str
    name: Mapping[str, str]
    learners: int = 0  # of the synthetic registry
    region: str = ""  # of the real export


SYNTHETIC: Sequence[CityPlan] = (
    CityPlan(key="lakeside", name={"en": "Lakeside", "ar": "ليكسايد"}, learners=2_000),
    CityPlan(
        key="northport", name={"en": "Northport", "ar": "نورثبورت"}, learners=6_000
    ),
    CityPlan(key="eastvale", name={"en": "Eastvale", "ar": "إيستفيل"}, learners=12_000),
)
REAL: Sequence[CityPlan] = (
    CityPlan(
        key="scotland", name={"en": "Scotland", "ar": "اسكتلندا"}, region="Scotland"
    ),
    CityPlan(
        key="london",
        name={"en": "London Region", "ar": "منطقة لندن"},
        region="London Region",
    ),
    CityPlan(
        key="east-anglia",
        name={"en": "East Anglian Region", "ar": "منطقة إيست أنجليا"},
        region="East Anglian Region",
    ),
)


@dataclass(frozen=True, slots=True)
class City:
    """A city of the running story: its plan, its node's parts, its process."""

    plan: CityPlan
    node: Node
    process: subprocess.Popen[bytes]

    @property
    def home(self) -> Path:
        """The node's home."""
        return self.node.home.path

    @property
    def name(self) -> str:
        """The English name."""
        return self.plan.name["en"]


@contextmanager
def own_folder(folder: Path) -> Iterator[None]:
    """An empty folder for a new story, held against other demonstrations until the end.

    Raises:
        ConfigurationError: it holds something that no demonstration put there.
        StateError: a demonstration is running in it.
    """
    marker = folder / MARKER
    if folder.exists() and any(folder.iterdir()) and not marker.exists():
        raise ConfigurationError(
            f"{folder} is not empty and not a demonstration's",
            next_step="Choose another folder with --dir.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    with marker.open("ab") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise StateError(
                f"a demonstration is running in {folder}",
                next_step="Stop it with Ctrl-C, or choose another folder with --dir.",
            ) from error
        _empty(folder)
        yield


def _empty(folder: Path) -> None:
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != MARKER:
            entry.unlink()


@contextmanager
def running(
    plans: Sequence[CityPlan], folder: Path, now: datetime
) -> Iterator[tuple[City, ...]]:
    """The cities with their nodes served, each by a process of its own, until the end."""
    homes = [
        _make(plan, folder, port, now)
        for plan, port in zip(plans, _ports(), strict=True)
    ]
    cities = tuple(
        City(plan, open_node(home), _serve(home))
        for plan, home in zip(plans, homes, strict=True)
    )
    try:
        for city in cities:
            _await_ready(city)
        yield cities
    finally:
        for city in cities:
            _stop(city)


def run_command(city: City, *arguments: str) -> "subprocess.Popen[bytes]":
    """A command of the city's operator in a process of its own, as the operator runs it."""
    return subprocess.Popen(  # noqa: S603  # our own program and arguments
        [*_interurban(), *arguments, "--home", str(city.home), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def _make(plan: CityPlan, folder: Path, port: int, now: datetime) -> Path:
    home = folder / plan.key
    settings = Settings(
        origin=f"http://127.0.0.1:{port}",
        name=dict(plan.name),
        demo=True,
        bind_port=port,
        tick_seconds=TICK_SECONDS,
        session_minutes=120,
        log_level="warning",
    )
    make_home(home, settings, now)
    return home


def _serve(home: Path) -> "subprocess.Popen[bytes]":
    with (home / "serve.log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603  # our own program and arguments
            [*_interurban(), "serve", "--home", str(home)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C is for the story, which stops the nodes itself
        )


def _interurban() -> list[str]:
    return [sys.executable, "-m", "interurban_node.cli"]


def _ports() -> Sequence[int]:
    """The usual ports where all are free, else some that are."""
    if all(_is_free(port) for port in PORTS):
        return PORTS
    sockets = [socket.socket() for _ in PORTS]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    found = [int(each.getsockname()[1]) for each in sockets]
    for each in sockets:
        each.close()
    return found


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _await_ready(city: City) -> None:
    client = Client(2)
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        if city.process.poll() is not None:
            break
        try:
            client.fetch_unsigned(f"{city.node.origin}/health/ready")
        except PartnerError:
            time.sleep(0.1)
            continue
        client.close()
        return
    client.close()
    raise StateError(
        f"the node of {city.name} did not become ready",
        next_step=f"Read {city.home / 'serve.log'}.",
    )


def _stop(city: City) -> None:
    city.node.close()
    city.process.terminate()
    try:
        city.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        city.process.kill()
        city.process.wait(timeout=10)
