"""Checking what this node keeps as evidence: anyone can, with both nodes' descriptors."""

import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.audit.models import EvidenceRow
from interurban_protocol.errors import InterurbanError, SignatureInvalidError
from interurban_protocol.keys import KeySet, Purpose


@dataclass(frozen=True, slots=True)
class EvidenceView:
    """One exchange as `evidence list` shows it."""

    number: int
    at: datetime
    direction: str
    partner: str
    method: str
    target: str
    status: int


@dataclass(frozen=True, slots=True)
class EvidenceVerdict:
    """Whether one exchange can be proved, and what is wrong if not."""

    number: int
    problem: str | None


def exchanges(session: Session, limit: int, partner: str | None) -> list[EvidenceView]:
    """The newest exchanges first, with one partner if named."""
    select = sa.select(EvidenceRow).order_by(EvidenceRow.id.desc()).limit(limit)
    if partner is not None:
        select = select.where(EvidenceRow.partner == partner)
    return [
        EvidenceView(r.id, r.at, r.direction, r.partner, r.method, r.target, r.status)
        for r in session.scalars(select)
    ]


def verify_all(
    session: Session, keys: Mapping[str, KeySet], own_origin: str
) -> list[EvidenceVerdict]:
    """A verdict on every exchange that is kept, oldest first."""
    rows = session.scalars(sa.select(EvidenceRow).order_by(EvidenceRow.id))
    return [EvidenceVerdict(row.id, _problem(row, keys, own_origin)) for row in rows]


def _problem(
    row: EvidenceRow, keys: Mapping[str, KeySet], own_origin: str
) -> str | None:
    try:
        _check(row, keys, own_origin)
    except InterurbanError as error:
        return error.message
    return None


def _check(row: EvidenceRow, keys: Mapping[str, KeySet], own_origin: str) -> None:
    """Both signatures verify, and the answer's signature covers the request's.

    Raises:
        InterurbanError: the first thing that does not hold.
    """
    asked = row.direction == "asked"
    asker, answerer = (own_origin, row.partner) if asked else (row.partner, own_origin)
    for origin, key_id, base, signature in (
        (asker, row.request_key_id, row.request_base, row.request_signature),
        (answerer, row.response_key_id, row.response_base, row.response_signature),
    ):
        key = _keys_of(keys, origin).find(key_id, Purpose.EXCHANGE, row.at)
        key.verify(signature, base)
    covered, answered = _values(row.request_base), _values(row.response_base)
    # The label before the first "=" is the signer's choice and says nothing.
    answered_to = answered.get('"signature";req', "").partition("=")[2]
    shown = (
        covered.get('"@method"'),
        covered.get('"@target-uri"'),
        answered.get('"@method";req'),
        answered.get('"@target-uri";req'),
        answered.get('"@status"'),
        answered_to,
        _created(covered if asked else answered),
    )
    kept = (
        row.method,
        row.target,
        row.method,
        row.target,
        str(row.status),
        f":{b64encode(row.request_signature).decode()}:",
        int(row.at.timestamp()),
    )
    if shown != kept:
        raise SignatureInvalidError("what is kept beside the signatures differs")


def _keys_of(keys: Mapping[str, KeySet], origin: str) -> KeySet:
    return keys.get(origin, KeySet(()))


def _values(base: bytes) -> dict[str, str]:
    lines = base.decode("utf-8", "replace").split("\n")
    pairs: Sequence[tuple[str, str, str]] = [line.partition(": ") for line in lines]
    return {name: value for name, _, value in pairs}


def _created(values: Mapping[str, str]) -> int | None:
    """When this node signed, by its own clock, as `at` says too."""
    found = re.search(r";created=(\d{1,12})", values.get('"@signature-params"', ""))
    return int(found[1]) if found else None
