"""Certificates, issued from registry records and from nothing else."""

from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.audit import service as audit
from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError
from interurban_node.credentials import queries, rules
from interurban_node.credentials.models import CredentialRow, insert_once
from interurban_node.credentials.queries import IssuedCredential
from interurban_node.registry import service as registry
from interurban_node.registry.service import CertificateFacts
from interurban_protocol import credentials as protocol_credentials


def issue(
    session: Session, node: Node, certificate_id: str, now: datetime
) -> IssuedCredential:
    """The certificate of a registry record; issuing it twice gives the same one.

    Raises:
        NotFoundError: no such record.
        RefusedError: it was revoked.
        RecoveringError: the one-way journal is not re-applied yet.
    """
    audit.check_not_recovering(session, node)
    return _issue(session, node, certificate_id, now)


def issue_missing(
    session: Session, node: Node, learner_ref: str | None, limit: int, now: datetime
) -> list[IssuedCredential]:
    """Certificates for the valid records that have none yet, of one learner or of all.

    Raises:
        RecoveringError: the one-way journal is not re-applied yet.
    """
    audit.check_not_recovering(session, node)
    return [
        _issue(session, node, certificate_id, now)
        for certificate_id in queries.records_without_credential(
            session, learner_ref, limit
        )
    ]


def valid_certificate(session: Session, certificate_id: str) -> CertificateFacts:
    """The registry's record of a certificate that is valid today.

    Raises:
        NotFoundError: no such record.
        RefusedError: it was revoked.
    """
    facts = registry.certificate(session, certificate_id)
    if facts.status != "valid":
        raise RefusedError(
            "the registry says that the certificate was revoked",
            next_step="Correct the record at its source and sync, if it is still valid.",
        )
    return facts


def _credential(node: Node, facts: CertificateFacts, now: datetime) -> CredentialRow:
    names = node.settings.name
    document = protocol_credentials.achievement_credential(
        protocol_credentials.CredentialFacts(
            credential_id=f"urn:uuid:{node.identifiers.uuid()}",
            issuer=node.origin,
            issuer_name=names.get("en") or next(iter(names.values())),
            achievement=rules.achievement(
                node.origin, facts.programme_code, facts.programme_title, facts.hours
            ),
            valid_from=rules.valid_from(facts.awarded_on),
            subject_id=f"urn:uuid:{node.identifiers.uuid()}",
            result=rules.result(facts.result),
        )
    )
    key = node.keys.credentials
    method = protocol_credentials.verification_method(node.origin, key.public)
    signed = protocol_credentials.sign_credential(document.to_json(), key, method, now)
    return CredentialRow(
        credential_id=document.id,
        certificate_id=facts.certificate_id,
        learner_ref=facts.learner_ref,
        document=signed,
        digest=protocol_credentials.credential_digest(signed),
        issued_at=now,
    )


def _issue(
    session: Session, node: Node, certificate_id: str, now: datetime
) -> IssuedCredential:
    known = queries.credential_of_record(session, certificate_id)
    if known is None:
        facts = valid_certificate(session, certificate_id)
        insert_once(session, _credential(node, facts, now))
        known = queries.credential_row(session, certificate_id)
    return queries.issued(known)
