"""Files that an operator has written, in TOML or JSON: read strictly, faults named by place."""

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from interurban_node.core.errors import ConfigurationError

M = TypeVar("M", bound=BaseModel)


def read_written(path: Path, what: str, page: str) -> dict[str, object]:
    """The members of a file; `what` it holds and the `page` that shows one are for refusals.

    Raises:
        ConfigurationError: the file cannot be read, or is not TOML (JSON, by its suffix).
    """
    help_step = f"docs/{page} shows {what}."
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"there is no file {path}", next_step=f"Name the file that holds {what}."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} cannot be read as UTF-8 text", next_step=help_step
        ) from error
    try:
        return _members(path, text)
    except tomllib.TOMLDecodeError as error:  # quotes at most one character
        place = str(error)[:1].lower() + str(error)[1:]
        raise ConfigurationError(
            f"{path} is not TOML: {place}", next_step=help_step
        ) from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON", next_step=help_step) from error


def checked(members: Mapping[str, object], model: type[M], path: Path, page: str) -> M:
    """The members of a file as `model`.

    Raises:
        ConfigurationError: another form; names the place.
    """
    try:
        return model.model_validate(members)
    except ValidationError as error:
        # A key that is not known explains one that is missing: it comes first.
        first = min(
            error.errors(include_url=False, include_input=False),
            key=lambda found: found["type"] != "extra_forbidden",
        )
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{path}: {where}: {first['msg'].lower()}",
            next_step=f"docs/{page} shows the form.",
        ) from error


def _members(path: Path, text: str) -> dict[str, object]:
    if path.suffix.lower() != ".json":
        return tomllib.loads(text)
    found = json.loads(text)
    if not isinstance(found, dict):
        raise ConfigurationError(
            f"{path} is not a JSON object", next_step="Begin it with a brace."
        )
    return found
