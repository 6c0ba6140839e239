"""What a release says of itself: its manifest, made from the plan and what was counted."""

from dataclasses import dataclass
from datetime import datetime

from interurban_node.aggregates import rules
from interurban_node.agreements.service import PlanInForce
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import PlannedPeriod, ReleasePlan
from interurban_protocol.releases import ReleaseManifest, describe_data
from interurban_protocol.signed_documents import Signer
from interurban_protocol.structures import Structure


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A build that a plan in force provides for.

    `planned` is the entry of the calendar in which things are observed; `period` the one
    whose people are told of, the same unless they are a cohort.
    """

    plan: PlanInForce
    structure: Structure
    planned: PlannedPeriod
    period: str
    replaces: str | None = None  # the id of the release that is revised

    @property
    def payload(self) -> ReleasePlan:
        """The plan's payload."""
        return self.plan.plan.payload

    @property
    def series(self) -> str:
        """The dataflow in any version."""
        return rules.series_of(self.structure.urn)

    @property
    def revision(self) -> int:
        """1 for a revision, else 0."""
        return int(self.replaces is not None)


def new_manifest(
    task: Task,
    data: bytes,
    publisher: Signer,
    *,
    coverage: int | None,
    cohort_release: str | None,
    now: datetime,
) -> ReleaseManifest:
    """The manifest of `data`, built at `now` and not published before the plan says."""
    plan, planned = task.payload, task.planned
    built_at = now.replace(microsecond=0)  # as the wire has it
    return ReleaseManifest(
        signers=(publisher,),
        publisher=publisher.node,
        plan=task.plan.plan_id,
        agreement=task.plan.agreement_id,
        subject=plan.subject,
        dataflow=task.structure.urn,
        structure=task.structure.digest,
        ref_area=rules.ref_area(task.structure, publisher.node),
        cohort_period=task.period,
        observation_period=planned.period,
        cohort_release=cohort_release,
        cut_off=planned.cut_off,
        consent_as_of=built_at,
        built_at=built_at,
        publication_at=max(planned.publication, built_at),
        recipients=rules.recipients_of(plan, publisher.node),
        basis=task.structure.basis,
        profile=plan.profile,
        perturbation_table=perturbation_table(plan.profile.perturbation),
        coverage=coverage,
        revision=task.revision,
        replaces=task.replaces,
        data=describe_data(data),
    )
