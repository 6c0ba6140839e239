"""Where the published vectors and real exports lie: beside the checkout, never in it."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def shared_folder() -> Path:
    """`INTERURBAN_SHARED`, or the folder `shared` beside the repository."""
    named = os.environ.get("INTERURBAN_SHARED")
    return Path(named) if named else ROOT.parent / "shared"


def shared_path(relative: str) -> Path:
    """A file or folder of the shared material; skips with the reason when it is absent."""
    path = shared_folder() / relative
    if not path.exists():
        reason = f"{relative} is not in the shared material beside the repository"
        if os.environ.get("INTERURBAN_REQUIRE_ALL") == "1":
            pytest.fail(reason)
        pytest.skip(reason)
    return path
