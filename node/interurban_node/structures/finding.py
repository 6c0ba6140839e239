"""Finding a structure by what an operator types: a file, a digest, or a dataflow."""

import re
from pathlib import Path

from sqlalchemy.orm import Session

from interurban_node.core.errors import ConfigurationError, NotFoundError
from interurban_node.structures import service
from interurban_protocol.structures import Structure, parse_structure

_NAME = re.compile(
    r"(?:(?P<agency>[A-Za-z][\w.-]*):)?(?P<id>[A-Za-z][\w-]*)"
    r"(?:\((?P<version>[0-9.]+)\))?",
    re.ASCII,
)


def find(session: Session, text: str) -> Structure:
    """The structure in a file, with a digest, or of a dataflow.

    Of a dataflow without a version it is the newest that was adopted; if none was, the one
    that came with a proposal.

    Raises:
        NotFoundError: there is none, or several are proposed under the name.
        MalformedError: a file that holds no structure. ConfigurationError: unreadable.
    """
    path = Path(text)
    if path.suffix == ".json" or path.is_file():
        return _in_file(path)
    if text.startswith("sha256:"):
        return service.structure(session, text)
    found = _NAME.fullmatch(text)
    if found is None:
        raise _not_found(text)
    adopted = [each for each in service.structures(session) if _is_named(each, found)]
    if adopted:
        return adopted[-1]
    match [each for each in service.proposed(session) if _is_named(each, found)]:
        case [only]:
            return only
        case []:
            raise _not_found(text)
        case several:
            raise NotFoundError(
                f"{len(several)} proposed structures are called {text}",
                next_step=f"Name one by its digest: "
                f"{', '.join(each.digest for each in several)}.",
            )


def _not_found(text: str) -> NotFoundError:
    return NotFoundError(
        f"no structure is called {text}",
        next_step="`interurban structure list` has the names.",
    )


def _in_file(path: Path) -> Structure:
    try:
        return parse_structure(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(
            f"the structure {path} cannot be read",
            next_step="Name a file that `interurban structure make` has written.",
        ) from error


def _is_named(held: Structure, found: re.Match[str]) -> bool:
    return (
        found["agency"] in (None, held.agency)
        and found["id"] == held.id
        and found["version"] in (None, held.version)
    )
