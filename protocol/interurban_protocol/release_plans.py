"""Release plans: which tables, for whom, protected how, and when; fixed beforehand.

A plan belongs to one subject, all dataflows over the same events. One plan, one population:
two plans over the same events would publish the same learners in two ways, and their
difference names people. The plan is a signed document; its id is the digest of the payload.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from typing import Annotated, Final, Literal

from pydantic import Field

from interurban_protocol.encoding import format_time, sha256_digest
from interurban_protocol.errors import (
    DisclosureError,
    MalformedError,
    NotYetValidError,
    SignersError,
)
from interurban_protocol.keys import KeySet
from interurban_protocol.perturbation_tables import (
    PerturbationParameters,
    perturbation_table,
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
MAX_DIMENSIONS = 3  # no profile may cross more

_Number = Annotated[int, Field(ge=1, le=1_000_000)]
_PERIOD = re.compile(r"([0-9]{4})-Q([1-4])")


class ProtectionProfile(WireModel):
    """The numbers of the protection; the defaults are the project's. See `check_profile`."""

    name: Annotated[str, Field(min_length=1, max_length=200)] = "default"
    threshold: _Number = 10  # perturbed values below it are hidden
    max_dimensions: _Number = MAX_DIMENSIONS  # splits of learners crossed at most
    perturbation: PerturbationParameters = PerturbationParameters()
    rounding: _Number | None = None  # base to which shown values are rounded
    min_rate_denominator: _Number = 30
    min_median: _Number = 50
    collapse_difference: _Number = 3  # in a sensitive breakdown
    coverage_rounding: _Number = 5  # percentage points


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


class ReleasePlan(DocumentPayload):
    """The payload of a release plan."""

    kind: Literal["release-plan"] = KIND
    subject: Annotated[str, Field(min_length=1, max_length=100)]
    title: dict[str, str]
    publishers: tuple[Origin, ...]
    recipients: tuple[Origin, ...]
    purposes: tuple[str, ...]
    dataflows: tuple[PlannedDataflow, ...]
    profile: ProtectionProfile
    periods: tuple[PlannedPeriod, ...]
    valid_from: Moment
    valid_until: Moment
    issued_at: Moment


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
            before the cut-off, an empty validity.
        DisclosureError: as `check_profile`.
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


def check_no_conflict(plan: ReleasePlan, others: Iterable[ReleasePlan]) -> None:
    """Refuse `plan` if another plan already speaks for the same learners.

    Two plans conflict when they have a subject and a publisher in common and any of their
    periods share a day. The same plan again is no conflict.

    Raises:
        DisclosureError: a second calendar over the same events, or a second population.
    """
    for other in others:
        if (
            other.subject == plan.subject
            and set(other.publishers) & set(plan.publishers)
            and plan_id(other) != plan_id(plan)
        ):
            _check_calendars(plan, other)


def check_profile(profile: ProtectionProfile) -> None:
    """Refuse a profile that does not protect, or contradicts itself.

    Raises:
        DisclosureError: a threshold that the noise can jump from 0 people, more than three
            dimensions, a rounding base that does not divide the threshold, or a rate from
            fewer people than the threshold.
        MalformedError: no perturbation table has these parameters.
    """
    base = profile.rounding or 1
    limits = {
        "threshold must be larger than the largest noise": (
            profile.threshold > profile.perturbation.maximum
        ),
        "max_dimensions must be 1, 2 or 3": profile.max_dimensions <= MAX_DIMENSIONS,
        "rounding must be a base that divides the threshold": (
            profile.threshold % base == 0
        ),
        "min_rate_denominator and min_median must reach the threshold": (
            min(profile.min_rate_denominator, profile.min_median) >= profile.threshold
        ),
        "coverage_rounding must be at most 25 and divide 100": (
            profile.coverage_rounding <= 25 and 100 % profile.coverage_rounding == 0
        ),
    }
    for rule, holds in limits.items():
        if not holds:
            raise DisclosureError(f"the protection profile is unsound: {rule}")
    perturbation_table(profile.perturbation)


def strictest(profiles: Sequence[ProtectionProfile]) -> ProtectionProfile:
    """The profile that is at least as strict as each of `profiles`, in every number.

    It keeps the name of one that is already the strictest; else the names are joined.

    Raises:
        MalformedError: no profiles, or numbers that no one profile can have together.
        DisclosureError: likewise, as `check_profile`.
    """
    if not profiles:
        raise MalformedError("there is no protection profile to choose from")
    for profile in profiles:
        if not any(weaknesses(profile, floor) for floor in profiles):
            return profile
    merged = _merged(profiles)
    check_profile(merged)
    return merged


def check_at_least(profile: ProtectionProfile, floor: ProtectionProfile) -> None:
    """Refuse a profile that is weaker than `floor` in any number.

    Raises:
        DisclosureError: naming the numbers.
    """
    if weaker := weaknesses(profile, floor):
        raise DisclosureError(
            f"the protection profile is weaker than agreed in {', '.join(weaker)}"
        )


def weaknesses(profile: ProtectionProfile, floor: ProtectionProfile) -> tuple[str, ...]:
    """The numbers in which `profile` protects less than `floor`, by name."""
    ours, theirs = profile.perturbation, floor.perturbation
    holds = {name: getattr(profile, name) >= getattr(floor, name) for name in _MINIMA}
    holds |= {
        "max_dimensions": profile.max_dimensions <= floor.max_dimensions,
        "rounding": (profile.rounding or 1) % (floor.rounding or 1) == 0,
        "perturbation.maximum": ours.maximum >= theirs.maximum,
        "perturbation.variance": ours.variance >= theirs.variance,
        "perturbation.stay": ours.stay <= theirs.stay,
        "perturbation.blocked": ours.blocked >= theirs.blocked,
    }
    return tuple(name for name, is_kept in holds.items() if not is_kept)


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


_MINIMA = (
    "threshold",
    "min_rate_denominator",
    "min_median",
    "collapse_difference",
    "coverage_rounding",
)


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


def _merged(profiles: Sequence[ProtectionProfile]) -> ProtectionProfile:
    noises = [profile.perturbation for profile in profiles]
    perturbation = PerturbationParameters(
        maximum=max(noise.maximum for noise in noises),
        variance=max(noise.variance for noise in noises),
        stay=min(noise.stay for noise in noises),
        blocked=max(noise.blocked for noise in noises),
    )
    rounding = math.lcm(*(profile.rounding or 1 for profile in profiles))
    largest = {
        name: max(getattr(profile, name) for profile in profiles) for name in _MINIMA
    }
    threshold = -(-largest["threshold"] // rounding) * rounding  # the next multiple
    return ProtectionProfile(
        name="+".join(sorted({profile.name for profile in profiles}))[:200],
        threshold=threshold,
        max_dimensions=min(profile.max_dimensions for profile in profiles),
        perturbation=perturbation,
        rounding=None if rounding == 1 else rounding,
        min_rate_denominator=max(largest["min_rate_denominator"], threshold),
        min_median=max(largest["min_median"], threshold),
        collapse_difference=largest["collapse_difference"],
        coverage_rounding=largest["coverage_rounding"],
    )


__all__ = [
    "KIND",
    "MAX_DIMENSIONS",
    "PlannedDataflow",
    "PlannedPeriod",
    "ProtectionProfile",
    "ReleasePlan",
    "check_at_least",
    "check_no_conflict",
    "check_plan",
    "check_profile",
    "plan_id",
    "quarter_bounds",
    "quarter_of",
    "strictest",
    "verify_plan",
    "weaknesses",
]
