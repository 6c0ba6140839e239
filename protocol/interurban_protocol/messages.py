"""What may cross the border as a message, in one closed table.

A message is the body of `PUT /api/v1/messages/{message_id}`::

    {"kind": "...", "document": {<signed document>}, "attachments": [{...}]}

The request that carries it is signed, and so is the document, which outlives the request.
Attachments are content-addressed parts that the document names by digest. Everything else
that crosses the border is fetched: descriptor, release manifest and data, status list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from interurban_protocol.encoding import (
    JsonValue,
    canonical_json,
    parse_json_object,
)
from interurban_protocol.errors import MalformedError, UnsupportedError

MAX_ATTACHMENTS = 32


class About(StrEnum):
    """Whom a message is about, which decides the gate it passes before it is sent."""

    NOBODY = "nobody"
    AGGREGATE = "aggregate"
    ONE_PERSON = "one person"


@dataclass(frozen=True, slots=True)
class MessageKind:
    """One row of the closed table."""

    kind: str
    about: About
    gate: str  # what must hold before it is sent
    discloses: bool  # says something new about people, so suspension blocks it


MESSAGE_KINDS: Mapping[str, MessageKind] = {
    row.kind: row
    for row in (
        MessageKind(
            "agreement", About.NOBODY, "proposed by the operator", discloses=False
        ),
        MessageKind(
            "suspension", About.NOBODY, "decided by the operator", discloses=False
        ),
        MessageKind(
            "credential-reference",
            About.ONE_PERSON,
            "a consent in force for this credential and recipient",
            discloses=True,
        ),
        MessageKind(
            "reference-ended",
            About.ONE_PERSON,
            "the recipient holds the reference; no reason given",
            discloses=False,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Message:
    """A parsed message; its document is not verified yet."""

    kind: MessageKind
    document: bytes  # canonical bytes of the signed document
    attachments: tuple[bytes, ...] = ()


def write_message(
    kind: str, document: bytes, attachments: tuple[bytes, ...] = ()
) -> bytes:
    """The body that carries `document` and its attachments, all JSON objects."""
    return canonical_json(
        {
            "kind": kind,
            "document": parse_json_object(document),
            "attachments": [parse_json_object(part) for part in attachments],
        }
    )


def parse_message(body: bytes) -> Message:
    """The message in `body`.

    Raises:
        MalformedError: another shape.
        UnsupportedError: a kind that is not in the table.
    """
    match parse_json_object(body):
        case {
            "kind": str(kind),
            "document": Mapping() as document,
            "attachments": [*attachments],
            **rest,
        } if not rest and len(attachments) <= MAX_ATTACHMENTS:
            pass
        case _:
            raise MalformedError(
                "the message has not the form kind, document, attachments"
            )
    if kind not in MESSAGE_KINDS:
        raise UnsupportedError("messages of this kind do not cross the border")
    return Message(
        MESSAGE_KINDS[kind],
        canonical_json(document),
        tuple(_attachment(part) for part in attachments),
    )


def _attachment(part: JsonValue) -> bytes:
    if not isinstance(part, Mapping):
        raise MalformedError("an attachment is not a JSON object")
    return canonical_json(part)
