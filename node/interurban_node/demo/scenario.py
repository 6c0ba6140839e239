"""What the story is told with: an invented registry, or a region of a real export.

Both give the same things: a registry and a mapping in each city, the statistics that all three
share, and people to follow.
"""

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.agreements.service import (
    AT_END,
    NOTICE_ANSWER_DAYS,
    REFERENCE_PURPOSE,
    AgreementDraft,
)
from interurban_node.consent.models import EventRow
from interurban_node.consent.questions import current_questions
from interurban_node.core.context import Node
from interurban_node.core.errors import StateError
from interurban_node.credentials.models import ReferenceReceivedRow, ReferenceSentRow
from interurban_node.demo.cities import REAL, SYNTHETIC, City, CityPlan
from interurban_node.demo.oulad_registry import write_oulad_registry
from interurban_node.demo.synthetic_registry import (
    DEMO_CITIES,
    quarters_before,
    write_registry,
    write_second_export,
)
from interurban_node.demo.tables import (
    Statistics,
    invented_statistics,
    real_statistics,
)
from interurban_node.registry.models import CertificateRow, EnrolmentRow
from interurban_protocol.consent_records import Scope
from interurban_protocol.structures import Code

QUARTERS = 9  # of courses: enough for what became of people after a year
SEED = 2026
EXPORT_AGE = timedelta(days=7)  # how old the first export is
PAPER_AGE = timedelta(days=30)  # how long before the story the paper was signed


@dataclass(frozen=True, slots=True)
class Scenario:
    """What the steps of the story need to know of its registry."""

    statistics: Statistics
    source_arguments: Mapping[str, Sequence[str]]  # of `registry sync`, by city
    export_later: Callable[[City], None] | None = (
        None  # the same registry, a week later
    )


def plans(data: Path | None) -> Sequence[CityPlan]:
    """The cities of the story."""
    return SYNTHETIC if data is None else REAL


def synthetic(cities: Sequence[City], today: date) -> Scenario:
    """Write the invented registries, with their planted faults."""
    exported = today - EXPORT_AGE
    periods = quarters_before(exported, QUARTERS)
    arguments = {}
    for number, city in enumerate(cities):
        folder = city.home / "registry"
        folder.mkdir()
        facts = write_registry(
            folder,
            seed=SEED + number,
            learners=city.plan.learners,
            city=DEMO_CITIES[city.plan.key],
            today=exported,
            periods=periods,
        )
        arguments[city.plan.key] = ("--mapping", str(facts.mapping))

    def export_later(city: City) -> None:
        write_second_export(
            city.home / "registry",
            seed=SEED + list(cities).index(city),
            learners=city.plan.learners,
            city=DEMO_CITIES[city.plan.key],
            today=exported,
            periods=periods,
            later=today,
        )

    statistics = invented_statistics(today, _areas(cities))
    return Scenario(statistics, arguments, export_later)


def real(cities: Sequence[City], export: Path, today: date) -> Scenario:
    """Take the cities' regions out of the export, which is read where it lies.

    Raises:
        AdapterError: the folder is no such export.
    """
    arguments = {}
    for city in cities:
        folder = city.home / "registry"
        folder.mkdir()
        written = write_oulad_registry(
            export, folder, region=city.plan.region, signed_on=today - PAPER_AGE
        )
        arguments[city.plan.key] = (
            "--mapping",
            str(written.mapping),
            *(part for each in written.folders for part in ("--folder", str(each))),
        )
    return Scenario(real_statistics(export, today, _areas(cities)), arguments)


def agreement(plan_id: str, partners: Sequence[str], now: datetime) -> AgreementDraft:
    """The agreement that goes with the plan."""
    moment = now.replace(microsecond=0)
    return AgreementDraft(
        title={
            "en": "Shared digital-skills training",
            "ar": "تدريب مشترك على المهارات الرقمية",
        },
        plan_ids=[plan_id],
        partners=partners,
        minimum_parties=2,
        answer_by=moment + timedelta(days=30),
        valid_from=moment,
        valid_until=moment + timedelta(days=365),
        reference_purpose=REFERENCE_PURPOSE,
        reference_days=90,
        answer_days=NOTICE_ANSWER_DAYS,
        at_end=AT_END,
    )


def aggregate_question(node: Node) -> str:
    """The question about being counted."""
    with node.database.transaction() as session:
        return current_questions(session, Scope.AGGREGATES)[0].question_id


def reference_question(node: Node, partner: str) -> str:
    """The question about showing a certificate to `partner`.

    Raises:
        StateError: the node does not ask it.
    """
    with node.database.transaction() as session:
        for view in current_questions(session, Scope.REFERENCE):
            if view.recipients == (partner,):
                return view.question_id
    raise StateError("the node asks no question about this partner")


def answer_counts(node: Node) -> dict[str, int]:
    """How many learners answered what, and how many were never asked."""
    with node.database.transaction() as session:
        answers = Counter(_last_answers(session).values())
        known = session.scalar(
            sa.select(sa.func.count(EnrolmentRow.learner_ref.distinct()))
        )
    return {**answers, "never asked": (known or 0) - sum(answers.values())}


def learners_by_answer(node: Node, count: int) -> dict[str, list[str]]:
    """Some learners of each answer, and some who were never asked."""
    found: dict[str, list[str]] = {}
    with node.database.transaction() as session:
        answers = _last_answers(session)
        for learner_ref in session.scalars(
            sa.select(EnrolmentRow.learner_ref)
            .where(EnrolmentRow.deleted_at.is_(None))
            .distinct()
            .order_by(EnrolmentRow.learner_ref)
        ):
            some = found.setdefault(answers.get(learner_ref, "never asked"), [])
            if len(some) < count:
                some.append(learner_ref)
    return found


def somebody_with_a_certificate(node: Node, skip: int = 0) -> tuple[str, str]:
    """A learner and the record id of a certificate that was not shared yet.

    Raises:
        StateError: nobody has one.
    """
    with node.database.transaction() as session:
        shared = sa.select(ReferenceSentRow.learner_ref)
        row = session.execute(
            sa.select(CertificateRow.learner_ref, CertificateRow.record_id)
            .where(
                CertificateRow.deleted_at.is_(None),
                CertificateRow.status == "valid",
                CertificateRow.learner_ref.not_in(shared),
            )
            .order_by(CertificateRow.record_id)
            .offset(skip)
        ).first()
    if row is None:
        raise StateError("no learner of this city has a certificate to share")
    return row[0], row[1]


def held_reference(node: Node, besides: set[str]) -> str | None:
    """A reference that the node holds and that is not among `besides`."""
    with node.database.transaction() as session:
        known = session.scalars(
            sa.select(ReferenceReceivedRow.reference_id).where(
                ReferenceReceivedRow.token.is_not(None)
            )
        )
        return next((each for each in known if each not in besides), None)


def reference_token(node: Node, reference_id: str) -> str:
    """The reference as the partner received it."""
    with node.database.transaction() as session:
        token = session.scalar(
            sa.select(ReferenceReceivedRow.token).where(
                ReferenceReceivedRow.reference_id == reference_id
            )
        )
    if token is None:
        raise StateError("the node does not hold the reference any more")
    return token.decode("ascii")


def _last_answers(session: Session) -> dict[str, str]:
    rows = session.execute(
        sa.select(EventRow.learner_ref, EventRow.state)
        .where(EventRow.credential_id.is_(None))
        .order_by(EventRow.learner_ref, EventRow.sequence)
    )
    return {learner_ref: state for learner_ref, state in rows if state != "asked"}


def _areas(cities: Sequence[City]) -> list[Code]:
    return [
        Code(
            _code_id(city.plan.key).upper(),
            dict(city.plan.name),
            value=city.node.origin,
        )
        for city in cities
    ]


def _code_id(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]+", "_", text)
