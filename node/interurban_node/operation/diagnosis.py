"""What `doctor` looks at; each problem names the command that mends it."""

import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

import sqlalchemy as sa

from interurban_node.agreements import service as agreements
from interurban_node.audit import service as audit
from interurban_node.core import outbox, schema
from interurban_node.core.context import Node
from interurban_node.core.home import KEY_FILES, read_private
from interurban_node.operation import wholeness
from interurban_node.partners import service as partners
from interurban_node.partners.rules import PairState
from interurban_protocol.agreements import AgreementState
from interurban_protocol.errors import InterurbanError
from interurban_protocol.http_signatures import MAX_SKEW_SECONDS
from interurban_protocol.keys import Purpose
from interurban_protocol.node_descriptors import verify_descriptor

SOON = timedelta(days=30)
STUCK = timedelta(hours=1)


class Verdict(StrEnum):
    """How a check came out."""

    FINE = "fine"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the diagnosis."""

    check: str
    verdict: Verdict
    fact: str
    mend: str = ""


Check = Callable[[Node], Iterator[Finding]]


def examine(node: Node, *, online: bool) -> list[Finding]:
    """Every check's findings, in the order in which to mend them."""
    found: list[Finding] = []
    for name, check in (*_GROUND, *_LOCAL, *(_ONLINE if online else ())):
        found += _run(node, name, check)
        if (name, check) in _GROUND and any(
            finding.verdict is Verdict.PROBLEM for finding in found
        ):
            return found  # the rest would only say the same in other words
    return found


def _run(node: Node, name: str, check: Check) -> list[Finding]:
    try:
        return list(check(node))
    except InterurbanError as error:
        return [Finding(name, Verdict.PROBLEM, error.message, error.next_step)]
    except sa.exc.SQLAlchemyError as error:
        fact = f"the database does not answer as expected ({type(error).__name__})"
        return [
            Finding(
                name,
                Verdict.PROBLEM,
                fact,
                "Is the database server up, and database_url right?",
            )
        ]


def _creation(node: Node) -> Iterator[Finding]:
    if node.clock() < partners.own_descriptor(node).payload.issued_at:
        fact = "the clock is before the node was made"
        yield Finding("clock", Verdict.PROBLEM, fact, "timedatectl")


def _clock(node: Node) -> Iterator[Finding]:
    with node.database.transaction() as session:
        met = partners.partners(session)
    skews = [p.skew_seconds for p in met if p.skew_seconds is not None]
    large = [skew for skew in skews if abs(skew) > MAX_SKEW_SECONDS / 2]
    if skews and len(large) > len(skews) / 2:
        fact = f"{len(large)} of {len(skews)} partners' clocks differ by over 30 s"
        yield Finding("clock", Verdict.WARNING, fact, "timedatectl timesync-status")
    else:
        fact = f"{len(skews)} of {len(met)} partners' clocks compared, they agree"
        yield Finding("clock", Verdict.FINE, fact)


def _database(node: Node) -> Iterator[Finding]:
    wholeness.check_database_is_there(node)
    present = schema.present_version(node.database)
    if present != schema.newest_version():
        fact = f"the schema is at {present or 'nothing'}, the code wants the newest"
        mend = f"interurban serve --home {node.home.path} (it migrates at its start)"
        yield Finding("database", Verdict.PROBLEM, fact, mend)
        return
    with node.database.transaction() as session:
        session.execute(sa.select(1))
    name = node.database.engine.dialect.name
    yield Finding("database", Verdict.FINE, f"{name} answers, schema {present}")


def _journal_file(node: Node) -> Iterator[Finding]:
    node.journal.entries()  # raises where a line is damaged
    yield from ()


def _journal(node: Node) -> Iterator[Finding]:
    with node.database.transaction() as session:
        wholeness.check_journal(session, node)
        unknown = audit.unknown_entries(session, node)
    if unknown:
        fact = f"{len(unknown)} entries are not re-applied; the node is recovering"
        mend = f"interurban serve --home {node.home.path} (it re-applies at its start)"
        yield Finding("journal", Verdict.PROBLEM, fact, mend)
    else:
        yield Finding(
            "journal", Verdict.FINE, f"{node.journal.length()} entries, all known"
        )


def _keys(node: Node) -> Iterator[Finding]:
    now = node.clock()
    descriptor = partners.own_descriptor(node)
    wholeness.check_keys(node)
    for name, _, _ in KEY_FILES:
        read_private(node.home.key_file(name))
    for entry in descriptor.key_set.keys:
        if entry.valid_until is not None and now < entry.valid_until < now + SOON:
            fact = f"a key for {entry.purpose} ends within 30 days"
            yield Finding("keys", Verdict.WARNING, fact, "Plan its rotation.")
    if node.home.identity_file.exists() and not node.settings.demo:
        fact = "the identity key is still in the home"
        mend = f"Move {node.home.identity_file} to a safe place offline."
        yield Finding("keys", Verdict.WARNING, fact, mend)
    count = sum(
        1 for entry in descriptor.key_set.keys if entry.purpose is not Purpose.IDENTITY
    )
    yield Finding(
        "keys", Verdict.FINE, f"{count} keys announced; files private and matching"
    )


def _partners(node: Node) -> Iterator[Finding]:
    with node.database.transaction() as session:
        met = partners.partners(session)
    if not met:
        mend = "interurban partner invite, or partner join LINK"
        yield Finding("partners", Verdict.WARNING, "no partners yet", mend)
    for found in met:
        if found.view.state is not PairState.PINNED:
            fact = f"{found.name}: {found.view.state}; next move by {found.view.owner}"
            yield Finding("partners", Verdict.WARNING, fact, found.view.next_move)
        else:
            yield Finding("partners", Verdict.FINE, f"{found.name}: pinned")


def _agreements(node: Node) -> Iterator[Finding]:
    now = node.clock()
    with node.database.transaction() as session:
        known = agreements.statuses(session, node, now)
    if not known:
        mend = "interurban plan propose, then agreement propose"
        yield Finding("agreements", Verdict.WARNING, "no agreement yet", mend)
    for status in known:
        name = status.payload.title.get("en", status.agreement_id[:20])
        if status.view.state is AgreementState.PROPOSED:
            fact = f"{name}: waits for {status.view.owner} ({status.view.why})"
            mend = f"interurban agreement sign {status.agreement_id}"
            yield Finding(
                "agreements",
                Verdict.WARNING,
                fact,
                mend if status.view.owner == "us" else "",
            )
        elif status.view.state is AgreementState.IN_FORCE:
            suspended = (
                f", {len(status.suspensions)} suspension(s)"
                if status.suspensions
                else ""
            )
            yield Finding("agreements", Verdict.FINE, f"{name}: in force{suspended}")
        else:
            yield Finding("agreements", Verdict.WARNING, f"{name}: {status.view.state}")


def _plans(node: Node) -> Iterator[Finding]:
    now = node.clock()
    with node.database.transaction() as session:
        found = agreements.plans_in_force(session, node, now)
    for plan in found:
        title = plan.plan.payload.title.get("en", "plan")
        if now >= plan.plan.payload.valid_until:
            mend = "interurban plan propose"
            yield Finding(
                "plans", Verdict.WARNING, f"{title}: its validity is over", mend
            )
        else:
            periods = len(plan.plan.payload.periods)
            yield Finding("plans", Verdict.FINE, f"{title}: {periods} periods planned")


def _outgoing(node: Node) -> Iterator[Finding]:
    now = node.clock()
    with node.database.transaction() as session:
        waiting = outbox.waiting(session)
    stuck = [row for row in waiting if now - row.oldest > STUCK]
    for row in stuck:
        fact = f"{row.count} {row.topic} for {row.partner or 'this node'} wait for over an hour"
        yield Finding(
            "outgoing", Verdict.WARNING, fact, "See the partner's line below."
        )
    if not stuck:
        yield Finding(
            "outgoing", Verdict.FINE, f"{sum(r.count for r in waiting)} waiting"
        )


def _reachability(node: Node) -> Iterator[Finding]:
    now = node.clock()
    with node.database.transaction() as session:
        met = partners.partners(session)
    for found in met:
        try:
            document = node.client.fetch_unsigned(
                found.origin + partners.DESCRIPTOR_PATH
            )
            verify_descriptor(document, now)
        except InterurbanError as error:
            mend = "Ask the partner's operator; what waits for them is kept."
            yield Finding(
                "reach", Verdict.WARNING, f"{found.name}: {error.message}", mend
            )
        else:
            yield Finding("reach", Verdict.FINE, f"{found.name} answers")


def _own_address(node: Node) -> Iterator[Finding]:
    address = (node.settings.bind_host, node.settings.bind_port)
    try:
        socket.create_connection(address, timeout=2).close()
    except OSError:
        mend = f"interurban serve --home {node.home.path}"
        yield Finding("serving", Verdict.PROBLEM, "the node is not being served", mend)
        return
    yield Finding("serving", Verdict.FINE, f"listening on port {address[1]}")


_GROUND: Sequence[tuple[str, Check]] = (
    ("clock", _creation),
    ("keys", _keys),
    ("journal", _journal_file),
    ("database", _database),
    ("journal", _journal),
)
_LOCAL: Sequence[tuple[str, Check]] = (
    ("clock", _clock),
    ("partners", _partners),
    ("agreements", _agreements),
    ("plans", _plans),
    ("outgoing", _outgoing),
)
_ONLINE: Sequence[tuple[str, Check]] = (
    ("serving", _own_address),
    ("reach", _reachability),
)
