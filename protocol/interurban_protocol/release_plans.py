"""Release plans: which tables, for whom, protected how, and when; fixed beforehand.

A plan belongs to one subject, all dataflows over the same events. One plan, one population:
two plans over the same events would publish the same learners in two ways, and their
difference names people. The plan is a signed document; its id is the digest of the payload.

A period may be issued a second time under a *revision plan* alone, which all parties sign like
any plan: the whole period, at most two dimensions crossed, to nobody new. See
`check_no_conflict`.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from interurban_protocol.encoding import format_time, sha256_digest
from interurban_protocol.errors import (
    DisclosureError,
    MalformedError,
    NotYetValidError,
    SignersError,
)
from interurban_protocol.keys import KeySet
from interurban_protocol.protection_profiles import (
    MAX_DIMENSIONS,
    ProtectionProfile,
    check_at_least,
    check_profile,
    strictest,
    weaknesses,
)
from interurban_protocol.signed_documents import (
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    VerifiedDocument,
    WireModel,
    open_document,
    read_payload,
    verify_document,
)

KIND: Final = "release-plan"
PUBLIC: Final = "public"  # as a recipient: everybody
MAX_REVISION_DIMENSIONS = 2  # a second table over the same period is coarser

Recipient: TypeAlias = Origin | Literal["public"]
"""Who may be given a release: a node, or everybody."""

_PERIOD = re.compile(r"([0-9]{4})-Q([1-4])")


class PlannedDataflow(WireModel):
    """A dataflow by URN, pinned to the digest of its structure."""

    urn: str
    structure: Digest


class PlannedPeriod(WireModel):
    """One quarter of the calendar; `starts` and `ends` are its first and last day."""

    period: str
    starts: date
    ends: date
    cut_off: Moment  # records that reach the registry later belong to the next period
    publication: Moment


class PlannedRevision(WireModel):
    """Which period of which plan is issued once more, and why."""

    period: str
    replaces: Digest  # the id of the plan under which the period was issued
    reason: Annotated[str, Field(min_length=1, max_length=500)]


class ReleasePlan(DocumentPayload):
    """The payload of a release plan."""

    kind: Literal["release-plan"] = KIND
    subject: Annotated[str, Field(min_length=1, max_length=100)]
    title: dict[str, str]
    publishers: tuple[Origin, ...]
    recipients: tuple[Recipient, ...]
    purposes: tuple[str, ...]
    dataflows: tuple[PlannedDataflow, ...]
    profile: ProtectionProfile
    periods: tuple[PlannedPeriod, ...]
    valid_from: Moment
    valid_until: Moment
    issued_at: Moment
    revision: PlannedRevision | None = None


def plan_id(plan: ReleasePlan) -> str:
    """The id of the document that `plan` becomes: the digest of its canonical payload."""
    return sha256_digest(plan.to_json())


def verify_plan(
    document: bytes, *, keys: Mapping[str, KeySet], at: datetime
) -> VerifiedDocument[ReleasePlan]:
    """The plan, verified with keys that counted when it was issued, and sound.

    Whether it is in force at `at` is not checked: agreements decide that.

    Raises:
        MalformedError, SignersError, UnknownKeyError, WrongKeyError,
        SignatureInvalidError: as `verify_document`; and SignersError without a publisher.
        NotYetValidError: issued after `at`.
        DisclosureError: as `check_plan`.
    """
    issued_at = read_payload(open_document(document), ReleasePlan).issued_at
    if issued_at > at:
        raise NotYetValidError(f"the plan was issued at {format_time(issued_at)}")
    verified = verify_document(
        document, ReleasePlan, kind=KIND, keys=keys, at=issued_at
    )
    plan = verified.payload
    if plan.to_json() != verified.payload_bytes:
        raise MalformedError("the plan is not in canonical form")
    if not {signer.node for signer in plan.signers} & set(plan.publishers):
        raise SignersError("the plan is signed by none of its publishers")
    check_plan(plan)
    return verified


def check_plan(plan: ReleasePlan) -> None:
    """Refuse a plan that contradicts itself.

    Raises:
        MalformedError: an empty or doubled list, a quarter with other dates, periods out of
            order or overlapping, a cut-off before the end of its period, a publication
            before the cut-off, an empty validity, or a revision of something else than the
            one period that the plan has.
        DisclosureError: as `check_profile`; or a revision that crosses three dimensions.
    """
    lists = {
        "publishers": plan.publishers,
        "recipients": plan.recipients,
        "purposes": plan.purposes,
        "dataflows": tuple(dataflow.urn for dataflow in plan.dataflows),
        "periods": tuple(period.period for period in plan.periods),
    }
    for name, values in lists.items():
        if not values or len(set(values)) != len(values):
            raise MalformedError(
                f"the plan's {name} are empty, or name something twice"
            )
    if "en" not in plan.title:
        raise MalformedError("the plan has no English title")
    if plan.valid_from >= plan.valid_until:
        raise MalformedError("the plan's validity ends before it begins")
    for period in plan.periods:
        _check_period(period)
    _check_order(plan.periods)
    check_profile(plan.profile)
    if plan.revision is not None:
        _check_revision_alone(plan, plan.revision)


def check_no_conflict(plan: ReleasePlan, others: Iterable[ReleasePlan]) -> None:
    """Refuse `plan` if another plan already speaks for the same learners.

    Two plans conflict when they have a subject and a publisher in common and any of their
    periods share a day. The same plan again is no conflict, nor are a plan and its revision.

    Raises:
        DisclosureError: a second calendar over the same events, a second population, or a
            revision that is more than `check_revision` allows.
    """
    known = tuple(others)
    if plan.revision is not None:
        check_revision(plan, known)
    for other in known:
        if (
            other.subject == plan.subject
            and set(other.publishers) & set(plan.publishers)
            and plan_id(other) != plan_id(plan)
            and not is_revision_of(plan, other)
            and not is_revision_of(other, plan)
        ):
            _check_calendars(plan, other)


def is_revision_of(plan: ReleasePlan, revised: ReleasePlan) -> bool:
    """Whether `plan` names `revised` as the plan of which it revises a period."""
    return plan.revision is not None and plan.revision.replaces == plan_id(revised)


def check_revision(plan: ReleasePlan, known: Iterable[ReleasePlan]) -> None:
    """Refuse a revision plan that is more than a coarser repetition for the same readers.

    Raises:
        DisclosureError: the plan that it revises is none of `known` or is a revision itself;
            or it has another subject, publisher, purpose, dataflow, structure or calendar,
            an additional recipient, or a weaker profile.
    """
    revised = next((other for other in known if is_revision_of(plan, other)), None)
    if revised is None or revised.revision is not None:
        raise DisclosureError(
            "the revision is not of a plan that is known here, or revises a revision",
            next_step="Name the plan under which the period was issued first.",
        )
    for what, is_kept in _kept_by_revision(plan, revised).items():
        if not is_kept:
            raise DisclosureError(
                f"a revision keeps to the plan that it revises: {what}",
                next_step="Change only what is corrected; see docs/protection.md.",
            )
    check_at_least(plan.profile, revised.profile)


def quarter_of(day: date) -> str:
    """The quarter in which `day` lies, "2025-Q3"."""
    return f"{day.year:04}-Q{(day.month - 1) // 3 + 1}"


def quarter_bounds(period: str) -> tuple[date, date]:
    """The first and the last day of a quarter.

    Raises:
        MalformedError: another form than "2025-Q3".
    """
    found = _PERIOD.fullmatch(period)
    if found is None or not 1 <= int(found[1]) <= 9998:
        raise MalformedError("a period has the form 2025-Q3")
    year, quarter = int(found[1]), int(found[2])
    first = date(year, 3 * quarter - 2, 1)
    following = date(year + quarter // 4, 3 * quarter % 12 + 1, 1)
    return first, following - timedelta(days=1)


def quarter_after(period: str, quarters: int) -> str:
    """The quarter that is `quarters` later; negative for earlier.

    Raises:
        MalformedError: another form than "2025-Q3", or a year beyond four digits.
    """
    first, _ = quarter_bounds(period)
    year, quarter = divmod(4 * first.year + (first.month - 1) // 3 + quarters, 4)
    if not 1 <= year <= 9998:
        raise MalformedError("the period lies outside of the calendar")
    return f"{year:04}-Q{quarter + 1}"


def _check_period(planned: PlannedPeriod) -> None:
    if (planned.starts, planned.ends) != quarter_bounds(planned.period):
        raise MalformedError(f"the days of {planned.period} are not those of a quarter")
    over = datetime.combine(planned.ends + timedelta(days=1), time(), UTC)
    if planned.cut_off < over:
        raise MalformedError(f"the cut-off of {planned.period} is before its end")
    if planned.publication < planned.cut_off:
        raise MalformedError(f"{planned.period} is published before its cut-off")


def _check_order(periods: Sequence[PlannedPeriod]) -> None:
    for earlier, later in pairwise(periods):
        if later.starts <= earlier.ends:
            raise MalformedError(
                f"{later.period} does not come after {earlier.period} in the plan"
            )


def _check_revision_alone(plan: ReleasePlan, revision: PlannedRevision) -> None:
    if [planned.period for planned in plan.periods] != [revision.period]:
        raise MalformedError("a revision has one period, the one that it revises")
    if plan.profile.max_dimensions > MAX_REVISION_DIMENSIONS:
        raise DisclosureError(
            f"a revision crosses at most {MAX_REVISION_DIMENSIONS} dimensions",
            next_step=f"Set max_dimensions to {MAX_REVISION_DIMENSIONS} or less.",
        )


def _kept_by_revision(plan: ReleasePlan, revised: ReleasePlan) -> Mapping[str, bool]:
    before = {entry.period: entry for entry in revised.periods}
    after = plan.periods[0]
    first = before.get(after.period)
    return {
        "subject": plan.subject == revised.subject,
        "publishers": set(plan.publishers) == set(revised.publishers),
        "recipients": set(plan.recipients) <= set(revised.recipients),
        "purposes": set(plan.purposes) == set(revised.purposes),
        "dataflows": _pins(plan) == _pins(revised),
        "period": first is not None,
        "cut-off": first is not None and after.cut_off >= first.cut_off,
        "publication": first is not None and after.publication > first.publication,
    }


def _pins(plan: ReleasePlan) -> set[tuple[str, str]]:
    return {(dataflow.urn, dataflow.structure) for dataflow in plan.dataflows}


def _check_calendars(plan: ReleasePlan, other: ReleasePlan) -> None:
    for ours in plan.periods:
        for theirs in other.periods:
            if ours.starts > theirs.ends or theirs.starts > ours.ends:
                continue
            if (ours.starts, ours.ends) != (theirs.starts, theirs.ends):
                raise DisclosureError(
                    f"a second calendar over the same events: {ours.period} overlaps"
                    f" {theirs.period} of another plan for {plan.subject}"
                )
            raise DisclosureError(
                f"one plan, one population: another plan for {plan.subject} already"
                f" has {ours.period}",
                next_step="Add dataflows or recipients to the one plan, from a later"
                " period on.",
            )


__all__ = [
    "KIND",
    "MAX_DIMENSIONS",
    "MAX_REVISION_DIMENSIONS",
    "PUBLIC",
    "PlannedDataflow",
    "PlannedPeriod",
    "PlannedRevision",
    "ProtectionProfile",
    "Recipient",
    "ReleasePlan",
    "check_at_least",
    "check_no_conflict",
    "check_plan",
    "check_profile",
    "check_revision",
    "is_revision_of",
    "plan_id",
    "quarter_after",
    "quarter_bounds",
    "quarter_of",
    "strictest",
    "verify_plan",
    "weaknesses",
]
