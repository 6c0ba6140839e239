"""Answers, their tags, and the memory of those that were written before.

Releases never change, so an answer is made of its releases, the query and the format alone.
Its tag says so without writing it, and it is the same for everybody who may have it: whether
somebody may is decided before anything is looked up here.
"""

import gzip
import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock
from typing import Final, Generic, TypeVar
from urllib.parse import urlsplit

from interurban_node.core.problems import problem_for
from interurban_protocol.errors import InterurbanError
from interurban_protocol.problems import MEDIA_TYPE

WRITER: Final = "2"  # changes when the same query gives other bytes than before
MAX_BYTES: Final = 64_000_000
WORTH_COMPRESSING: Final = 600
_TAGS = re.compile(r'(?:W/)?"([^"]*)"')


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of an answer, as they are and compressed."""

    plain: bytes
    compressed: bytes | None
    has_more: bool = False  # further cells follow after the limit

    def __len__(self) -> int:
        return len(self.plain) + len(self.compressed or b"")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer, ready to be sent plain, compressed or signed."""

    content_type: str
    body: Body
    status: int = 200
    tag: str = ""
    next_offset: int | None = None  # where the rest begins, if there is one
    fresh_until: datetime | None = None

    @property
    def is_unchanged(self) -> bool:
        """Whether the caller has it already."""
        return self.status == 304

    def __len__(self) -> int:
        return len(self.body)


_Kept = TypeVar("_Kept", Body, Answer)


@dataclass(slots=True)
class Cache(Generic[_Kept]):
    """The answers that were used last, as many as fit into so many bytes."""

    max_bytes: int = MAX_BYTES
    _kept: "OrderedDict[str, _Kept]" = field(default_factory=OrderedDict)
    _size: int = 0
    _lock: Lock = field(default_factory=Lock)

    def get(self, key: str) -> _Kept | None:
        """What was kept under a key."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def put(self, key: str, kept: _Kept) -> None:
        """Keep it, and let go of what was not used for the longest time."""
        if len(kept) > self.max_bytes // 4:
            return
        with self._lock:
            self._drop(key)
            self._kept[key] = kept
            self._size += len(kept)
            while self._size > self.max_bytes:
                self._drop(next(iter(self._kept)))

    def _drop(self, key: str) -> None:
        dropped = self._kept.pop(key, None)
        if dropped is not None:
            self._size -= len(dropped)


def body_of(plain: bytes, *, has_more: bool = False) -> Body:
    """The body, with its compressed form if that is worth it; always the same bytes."""
    if len(plain) < WORTH_COMPRESSING:
        return Body(plain, None, has_more)
    return Body(plain, gzip.compress(plain, 6, mtime=0), has_more)


def problem_answer(error: InterurbanError) -> Answer:
    """The answer that a refusal becomes."""
    problem = problem_for(error)
    return Answer(
        content_type=MEDIA_TYPE,
        body=Body(problem.to_json(), None),
        status=problem.type.status,
    )


def identity_of(parts: Iterable[str]) -> str:
    """One text for what an answer is made of."""
    digest = hashlib.sha256()
    for part in (WRITER, *parts):
        digest.update(len(part).to_bytes(4, "big") + part.encode())
    return digest.hexdigest()


def tag_of(identity: str) -> str:
    """The entity tag: weak, because compressed and plain bytes are the same answer."""
    return f'W/"{identity[:40]}"'


def is_known(header: str, tag: str) -> bool:
    """Whether `If-None-Match` names the tag (RFC 9110, weak comparison).

    A star names none: who asks with it has shown no answer that it already has.
    """
    return tag.removeprefix("W/").strip('"') in _TAGS.findall(header)


def message_id(identity: str) -> str:
    """The id of a message in its header."""
    return f"M{identity[:24]}"


def sender_id(origin: str) -> str:
    """The node's origin as an SDMX id: its host."""
    return re.sub(r"[^A-Za-z0-9]+", "-", urlsplit(origin).netloc)


__all__ = [
    "Answer",
    "Body",
    "Cache",
    "body_of",
    "identity_of",
    "is_known",
    "message_id",
    "problem_answer",
    "sender_id",
    "tag_of",
]
