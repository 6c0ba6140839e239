"""Reading a release plan that an operator has written as TOML."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from interurban_node.core.context import Node
from interurban_node.core.errors import ConfigurationError
from interurban_node.structures.written_files import checked, read_written
from interurban_protocol.release_plans import (
    PlannedDataflow,
    PlannedPeriod,
    PlannedRevision,
    ProtectionProfile,
    ReleasePlan,
    quarter_bounds,
)
from interurban_protocol.signed_documents import Signer
from interurban_protocol.structures import parse_structure

PAGE = "operators.md"


def _moment(value: object) -> object:
    """A TOML date counts from its first minute, in UTC."""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime.combine(value, time(), UTC)
    return value


When = Annotated[datetime, BeforeValidator(_moment)]


class _Draft(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class PeriodDraft(_Draft):
    """One quarter of the calendar."""

    period: str
    cut_off: When
    publication: When


class RevisionDraft(_Draft):
    """Which period of which plan is issued once more, and why."""

    period: str
    replaces: str  # the plan's id
    reason: str


class PlanDraft(_Draft):
    """The plan as the operator writes it."""

    subject: str
    title: dict[str, str]
    structures: list[str]  # files beside the draft
    publishers: list[str]
    recipients: list[str]
    purposes: list[str]
    valid_from: When
    valid_until: When
    periods: list[PeriodDraft]
    profile: dict[str, int | str | dict[str, int | float]] = {}
    revision: RevisionDraft | None = None


def read_plan(
    node: Node, path: Path, now: datetime
) -> tuple[ReleasePlan, tuple[bytes, ...]]:
    """The plan in a TOML file, and the structures that lie beside it.

    Raises:
        ConfigurationError: the file cannot be read or has another form; names the place.
        MalformedError: a structure or period that is none.
    """
    draft = _read(path)
    bundles = tuple(_bundle(path.parent / name) for name in draft.structures)
    structures = [parse_structure(bundle) for bundle in bundles]
    payload = ReleasePlan(
        signers=(Signer(node=node.origin, key_id=node.keys.documents.public.key_id),),
        subject=draft.subject,
        title=draft.title,
        publishers=tuple(draft.publishers),
        recipients=tuple(draft.recipients),
        purposes=tuple(draft.purposes),
        dataflows=tuple(
            PlannedDataflow(urn=found.urn, structure=found.digest)
            for found in structures
        ),
        profile=_profile(draft.profile),
        periods=tuple(_period(each) for each in draft.periods),
        valid_from=draft.valid_from,
        valid_until=draft.valid_until,
        revision=_revision(draft.revision),
        issued_at=now.replace(microsecond=0),
    )
    return payload, bundles


def _read(path: Path) -> PlanDraft:
    return checked(read_written(path, "a plan", PAGE), PlanDraft, path, PAGE)


def _bundle(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"the structure {path} cannot be read",
            next_step="Name structure files relative to the plan's own folder.",
        ) from error


def _profile(given: Mapping[str, object]) -> ProtectionProfile:
    try:
        return ProtectionProfile.model_validate(given)
    except ValidationError as error:
        raise ConfigurationError(
            "the profile has a member that is not known or out of range",
            next_step="docs/protection.md lists them.",
        ) from error


def _revision(draft: RevisionDraft | None) -> PlannedRevision | None:
    if draft is None:
        return None
    try:
        return PlannedRevision.model_validate(draft.model_dump())
    except ValidationError as error:
        raise ConfigurationError(
            "the revision names no plan by its id, or has no reason",
            next_step="`interurban plan show` has the ids.",
        ) from error


def _period(draft: PeriodDraft) -> PlannedPeriod:
    starts, ends = quarter_bounds(draft.period)
    return PlannedPeriod(
        period=draft.period,
        starts=starts,
        ends=ends,
        cut_off=draft.cut_off,
        publication=draft.publication,
    )
