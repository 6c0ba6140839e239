"""Independent implementations in JavaScript, asked over pipes; see tests/interop/README.md."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from interurban_protocol import contexts
from tests.support.shared import ROOT

FOLDER = ROOT / "build" / "interop"
HARNESS = ROOT / "tests" / "interop" / "harness.mjs"


class JavaScript:
    """A running harness. Ask it by the names of its answers."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def ask(self, ask: str, **arguments: Any) -> dict[str, Any]:
        """The answer; a refusal has the only member `refused`."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps({"ask": ask, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the JavaScript harness has stopped"
        answer: dict[str, Any] = json.loads(line)
        return answer


def _node() -> Path:
    return Path(sys.executable).with_name("node")


def _check_installed() -> None:
    if (FOLDER / "node_modules").is_dir() and _node().exists():
        return
    reason = "build/interop is not installed; run `make interop`"
    if os.environ.get("INTERURBAN_REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@contextmanager
def javascript() -> Iterator[JavaScript]:
    """The harness for the length of a `with`."""
    _check_installed()
    folder = Path(contexts.__file__).with_name("context_documents")
    files = {
        address: str(folder / pinned.file)
        for address, pinned in contexts.PINNED.items()
    }
    command = [
        str(_node()),
        "--input-type=module",
        "--eval",
        HARNESS.read_text(encoding="utf-8"),
    ]
    environment = {**os.environ, "INTEROP_CONTEXTS": json.dumps({"contexts": files})}
    with subprocess.Popen(
        command,
        cwd=FOLDER,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield JavaScript(process)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait(timeout=10)
