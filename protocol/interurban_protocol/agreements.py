"""Agreements between cities: one payload, signed by every party.

The proposer collects and relays signatures. Whether an agreement is *in force* is a fact
that each node establishes for itself: it verified the complete set, it understood every
member, and `valid_from` has been reached. Suspension is one city's own act, per partner:
it blocks new disclosure at once and never blocks protective traffic.
"""

from datetime import datetime
from enum import StrEnum
from typing import Literal

from interurban_protocol.errors import (
    ExpiredError,
    MalformedError,
    NotYetValidError,
    SignersError,
)
from interurban_protocol.release_plans import ProtectionProfile
from interurban_protocol.signed_documents import (
    Digest,
    DocumentPayload,
    Moment,
    Origin,
    VerifiedDocument,
    WireModel,
)

KIND = "agreement"


class Party(WireModel):
    """A city that takes part, with the key of its identity at signing."""

    node: Origin
    name: dict[str, str]  # by language
    identity_key_id: str


class AgreedPlan(WireModel):
    """A release plan that the agreement refers to, with everything that it stands on."""

    plan: Digest
    subject: str
    structures: tuple[Digest, ...]


class ReferenceTerms(WireModel):
    """What holds for credential references under the agreement."""

    purpose: str
    maximum_days: int  # validity of one reference
    answer_days: int  # within which a notice is answered


class Agreement(DocumentPayload):
    """The payload that all parties sign, each with its documents key."""

    kind: Literal["agreement"] = "agreement"
    title: dict[str, str]
    parties: tuple[Party, ...]
    minimum_parties: int  # below it, the agreement ends for all
    proposed_by: Origin
    proposed_at: Moment
    answer_by: Moment
    plans: tuple[AgreedPlan, ...]
    purposes: tuple[str, ...]
    disclosure_floor: ProtectionProfile
    references: ReferenceTerms
    valid_from: Moment
    valid_until: Moment
    at_end: dict[str, str]  # what happens to what was exchanged, by language
    supersedes: Digest | None = None

    @property
    def nodes(self) -> frozenset[str]:
        """The origins of the parties."""
        return frozenset(party.node for party in self.parties)


class AgreementState(StrEnum):
    """Where an agreement stands, seen from one node."""

    PROPOSED = "proposed"  # signatures are missing
    COMPLETE = "complete"  # all have signed; valid_from lies ahead
    IN_FORCE = "in_force"
    LAPSED = "lapsed"  # not all signed in time
    ENDED = "ended"  # valid_until is over


def check_agreement(agreement: Agreement) -> None:
    """Refuse an agreement that contradicts itself, whoever signed it.

    Raises:
        MalformedError: parties or plans twice, too few, or times that make no span.
        SignersError: the signers are not exactly the parties.
    """
    nodes = [party.node for party in agreement.parties]
    if len(set(nodes)) != len(nodes):
        raise MalformedError("the agreement names a party twice")
    if not 2 <= agreement.minimum_parties <= len(nodes):
        raise MalformedError("minimum_parties lies outside 2 to the number of parties")
    if sorted(nodes) != sorted(signer.node for signer in agreement.signers):
        raise SignersError("the signers are not exactly the parties")
    if agreement.proposed_by not in agreement.nodes:
        raise MalformedError("the proposer is not a party")
    if not agreement.valid_from < agreement.valid_until:
        raise MalformedError("the agreement ends before it begins")
    if not 1 <= agreement.references.maximum_days <= 90:
        raise MalformedError("references are valid for 1 to 90 days")
    plans = [agreed.plan for agreed in agreement.plans]
    if not plans or len(set(plans)) != len(plans):
        raise MalformedError("the agreement refers to no release plan, or to one twice")


def check_in_force(agreement: VerifiedDocument[Agreement], at: datetime) -> None:
    """Refuse outside the agreement's validity; its signatures are verified already.

    Raises:
        NotYetValidError, ExpiredError.
    """
    if at < agreement.payload.valid_from:
        raise NotYetValidError("the agreement has not come into force yet")
    if at >= agreement.payload.valid_until:
        raise ExpiredError("the agreement has ended")


class Suspension(DocumentPayload):
    """One city tells another that it discloses nothing new to it, or that it does again."""

    kind: Literal["suspension"] = "suspension"
    agreement: Digest
    by: Origin
    towards: Origin
    suspended: bool  # false: resumed
    reason: str
    at: Moment
