"""`state.json`: what outside programs need to use the running demonstration.

Written atomically with mode 0600 once all nodes are ready, and removed when they stop.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

VERSION = 1
STATE_FILE = "state.json"


@dataclass(frozen=True, slots=True)
class Tokens:
    """Bearer tokens of one city's staff and programs."""

    it_operator: str
    committee_member: str
    service: str


@dataclass(frozen=True, slots=True)
class DemoLearner:
    """A learner with a code to sign in with, once; `state` is their answer so far."""

    learner_ref: str
    sign_in_code: str
    state: str


@dataclass(frozen=True, slots=True)
class DemoRelease:
    """A release of a city; `sha256` is that of the data, in hexadecimal."""

    id: str
    dataflow: str
    period: str
    manifest_url: str
    data_url: str
    sha256: str


@dataclass(frozen=True, slots=True)
class DemoReference:
    """A reference that a city sent, as the partner holds it."""

    file: str
    partner: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCity:
    """One city in `state.json`."""

    id: str
    origin: str
    home: str
    tokens: Tokens
    learners: Sequence[DemoLearner]
    dataflows: Sequence[str]
    releases: Sequence[DemoRelease]
    references: Sequence[DemoReference]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoState:
    """The whole of `state.json`."""

    agreement_id: str
    plan_id: str
    cities: Sequence[DemoCity]
    version: int = VERSION


def write_state(folder: Path, state: DemoState) -> Path:
    """Write the state in one step; a reader sees all of it or nothing."""
    path = folder / STATE_FILE
    fresh = folder / f"{STATE_FILE}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(state), file, ensure_ascii=False, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    return path


def remove_state(folder: Path) -> None:
    """The demonstration is over."""
    (folder / STATE_FILE).unlink(missing_ok=True)
