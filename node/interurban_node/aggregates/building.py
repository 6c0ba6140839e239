"""A build from beginning to end, each step in a transaction of its own, none of them long."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from sqlalchemy.orm import Session

from interurban_node.aggregates import service
from interurban_node.aggregates.calendars import Due
from interurban_node.aggregates.issuing import BuiltRelease, Prepared
from interurban_node.agreements import service as agreements
from interurban_node.attackers.gate import PassedGate, UnsafeReleaseError
from interurban_node.core.context import Node
from interurban_node.core.errors import StateError

Prepare: TypeAlias = Callable[[Session], Prepared]


def _no_step(step: str) -> None:
    del step


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told how far a build is: of each step, and in the gate of cells done, of all."""

    step: Callable[[str], None] = _no_step
    gate: Callable[[int, int], None] | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """A release that is issued, and what the gate had said; None: nobody is in it."""

    built: BuiltRelease
    passed: PassedGate | None


def build_due(
    node: Node, due: Due, *, seconds: float | None = None, watch: Watch | None = None
) -> Finished:
    """Prepare, gate and issue what the calendar asks for.

    Raises:
        UnsafeReleaseError: the gate refuses, which the calendar remembers.
        InterurbanError: as `service.prepare` and `service.issue`.
    """

    def prepare(session: Session) -> Prepared:
        return service.prepare(
            session, node, due.plan, due.dataflow, due.period, node.clock()
        )

    return _finish(node, prepare, seconds, watch or Watch())


def revise(
    node: Node,
    plan_id: str,
    dataflow: str,
    *,
    seconds: float | None = None,
    watch: Watch | None = None,
) -> Finished:
    """Issue the one revision that a revision plan in force allows.

    Raises:
        UnsafeReleaseError: the gate refuses.
        InterurbanError: as `service.prepare_revision` and `service.issue`.
    """

    def prepare(session: Session) -> Prepared:
        now = node.clock()
        plan = agreements.plan_in_force(session, node, plan_id, now)
        return service.prepare_revision(session, node, plan, dataflow, now)

    return _finish(node, prepare, seconds, watch or Watch())


def _finish(
    node: Node, prepare: Prepare, seconds: float | None, watch: Watch
) -> Finished:
    watch.step("counting and protecting")
    with node.database.transaction() as session:
        prepared = prepare(session)
        was_in_force = _is_in_force(session, node, prepared, node.clock())
    watch.step("the gate: attacking the release")
    try:
        passed = service.pass_gate(
            prepared, service.gate_options(node, seconds, watch.gate)
        )
    except UnsafeReleaseError as error:
        with node.database.transaction() as session:
            service.note_refusal(session, prepared.task, error, node.clock())
        raise
    watch.step("counting again and signing")
    with node.database.transaction() as session:
        now = node.clock()
        if was_in_force and not _is_in_force(session, node, prepared, now):
            raise StateError(
                "the agreement ended while the gate was at work",
                next_step="`agreement show` says what is in force; nothing was issued.",
            )
        built = service.issue(session, node, prepared, passed, now)
    return Finished(built, passed)


def _is_in_force(
    session: Session, node: Node, prepared: Prepared, now: datetime
) -> bool:
    plan_id = prepared.task.plan.plan_id
    return any(
        found.plan_id == plan_id
        for found in agreements.plans_in_force(session, node, now)
    )
