"""A source's record on its way into the registry: people and keys become pseudonyms.

Who somebody is leaves this module only as an `Identity` for the encrypted table of accounts.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field

from sqlalchemy.orm import Session

from interurban_adapters.adapter import Rejection
from interurban_adapters.records import (
    CertificateRecord,
    EnrolmentRecord,
    GrievanceRecord,
    LearnerRecord,
    OfferRecord,
    PlacementRecord,
    ProgrammeRecord,
    Record,
)
from interurban_node.accounts.service import Identity, learner_ref_of
from interurban_node.core.context import Node
from interurban_node.registry import rules
from interurban_node.registry.queries import (
    KnownLearner,
    known_learners,
    known_programmes,
)
from interurban_node.registry.rules import Pseudonyms, Values

NO_LEARNER = Rejection("person_id", "belongs to no learner that the registry knows")
NO_PROGRAMME = Rejection("programme_code", "is no programme that the registry knows")
_ABOUT_A_PROGRAMME = (OfferRecord, EnrolmentRecord, CertificateRecord)
_ABOUT_A_PERSON = (EnrolmentRecord, CertificateRecord, PlacementRecord, GrievanceRecord)


@dataclass(frozen=True, slots=True)
class Draft:
    """A record as the registry will keep it, and who somebody is if it says so."""

    source_pk: str
    source_hash: str
    values: Values
    learner_ref: str | None = None
    identity: Identity | None = None

    @property
    def about(self) -> str | None:
        """The learner whom the record is about, if it is about one."""
        ref = self.values.get("learner_ref")
        return ref if isinstance(ref, str) else None


@dataclass(frozen=True, slots=True)
class Drafting:
    """What one source's records are made with."""

    node: Node
    pseudonyms: Pseudonyms
    _refs: dict[str, str] = field(default_factory=dict)  # hashed once for each person

    def learner_ref(self, person_id: str) -> str:
        """The learner reference of a person's number."""
        ref = self._refs.get(person_id)
        if ref is None:
            ref = self._refs[person_id] = learner_ref_of(self.node.keys, person_id)
        return ref

    def known(
        self, session: Session, records: Iterable[Record], source_id: int
    ) -> "Known":
        """What the registry knows of the learners and programmes that these refer to."""
        people: set[str] = set()
        programmes = False
        for record in records:
            programmes |= isinstance(record, _ABOUT_A_PROGRAMME)
            if isinstance(record, _ABOUT_A_PERSON) and record.person_id is not None:
                people.add(self.learner_ref(record.person_id))
        return Known(
            known_learners(session, people, source_id) if people else {},
            known_programmes(session, source_id) if programmes else {},
        )

    def draft(self, record: Record, known: "Known") -> Draft | Rejection:
        """The record under pseudonyms, or why it refers to nothing."""
        match record:
            case LearnerRecord():
                return self._learner(record)
            case ProgrammeRecord():
                values = record.model_dump(mode="json", exclude={"source_pk"})
                language = self.node.settings.default_language
                return self._draft(record, {**values, "title_language": language})
            case OfferRecord():
                return self._offer(record, known)
            case EnrolmentRecord():
                return self._enrolment(record, known)
            case CertificateRecord():
                return self._certificate(record, known)
            case PlacementRecord():
                return self._placement(record, known)
            case GrievanceRecord():
                return self._grievance(record, known)
        raise TypeError("the registry keeps no such record")

    def _learner(self, record: LearnerRecord) -> Draft:
        ref = self.learner_ref(record.person_id)
        identity = Identity(
            person_id=record.person_id,
            given_name=record.given_name,
            family_name=record.family_name,
            email=record.email,
            phone=record.phone,
        )
        values: Values = {
            "learner_ref": ref,
            "sex": record.sex.value,
            "birth_year": record.birth_year,
            "age_band": record.age_band,
            "displaced": record.displaced.value,
            "disability": record.disability.value,
            "prior_attainment": record.prior_attainment,
            "residence": record.residence,
        }
        return self._draft(record, values, ref, identity)

    def _offer(self, record: OfferRecord, known: "Known") -> Draft | Rejection:
        programme = known.programmes.get(record.programme_code)
        if programme is None:
            return NO_PROGRAMME
        values: Values = {
            "programme_id": programme,
            "programme_code": record.programme_code,
            "presentation": record.presentation,
            "starts": record.starts,
            "places": record.places,
            "mode": record.mode and record.mode.value,
        }
        return self._draft(record, values)

    def _enrolment(self, record: EnrolmentRecord, known: "Known") -> Draft | Rejection:
        ref = self.learner_ref(record.person_id)
        learner = known.learners.get(ref)
        programme = known.programmes.get(record.programme_code)
        if learner is None:
            return NO_LEARNER
        if programme is None:
            return NO_PROGRAMME
        period = rules.start_period(record.started_on)
        key = period and rules.record_key(self.node.keys.record, period, ref)
        values: Values = {
            "learner_ref": ref,
            "learner_id": learner.record_id,
            "programme_id": programme,
            "programme_code": record.programme_code,
            "presentation": record.presentation,
            "registered_on": record.registered_on,
            "started_on": record.started_on,
            "ended_on": record.ended_on,
            "status": record.status.value,
            "exit_reason": record.exit_reason and record.exit_reason.value,
            "start_period": period,
            "record_key": key,
            "outcome": rules.outcome_of(record.status),
            "age_band": rules.age_band_of(
                record.age_band or learner.age_band,
                learner.birth_year,
                record.started_on,
            ),
        }
        return self._draft(record, values)

    def _certificate(
        self, record: CertificateRecord, known: "Known"
    ) -> Draft | Rejection:
        ref = self.learner_ref(record.person_id)
        programme = known.programmes.get(record.programme_code)
        if ref not in known.learners:
            return NO_LEARNER
        if programme is None:
            return NO_PROGRAMME
        values: Values = {
            "learner_ref": ref,
            "programme_id": programme,
            "programme_code": record.programme_code,
            "awarded_on": record.awarded_on,
            "level": record.level,
            "result": record.result,
            "status": record.status.value,
        }
        return self._draft(record, values)

    def _placement(self, record: PlacementRecord, known: "Known") -> Draft | Rejection:
        ref = self.learner_ref(record.person_id)
        if ref not in known.learners:
            return NO_LEARNER
        employer = record.employer and self.pseudonyms.employer_ref(record.employer)
        values: Values = {
            "learner_ref": ref,
            "employer_ref": employer,
            "kind": record.kind.value,
            "starts": record.starts,
            "ends": record.ends,
            "end_reason": record.end_reason and record.end_reason.value,
            "wage_band": record.wage_band,
        }
        return self._draft(record, values)

    def _grievance(self, record: GrievanceRecord, known: "Known") -> Draft | Rejection:
        ref = record.person_id and self.learner_ref(record.person_id)
        if ref is not None and ref not in known.learners:
            return NO_LEARNER
        values: Values = {
            "learner_ref": ref,
            "kind": record.kind.value,
            "received_on": record.received_on,
            "due_on": record.due_on,
            "decided_on": record.decided_on,
            "outcome": record.outcome,
        }
        return self._draft(record, values)

    def _draft(
        self,
        record: Record,
        values: Values,
        learner_ref: str | None = None,
        identity: Identity | None = None,
    ) -> Draft:
        pk = self.pseudonyms.source_pk(record.record_kind, record.source_pk)
        said = [values, identity and asdict(identity)]
        digest = self.pseudonyms.content_hash(said)
        return Draft(pk, digest, values, learner_ref, identity)


@dataclass(frozen=True, slots=True)
class Known:
    """Learners by reference and ids of programmes by code."""

    learners: Mapping[str, KnownLearner]
    programmes: Mapping[str, str]
