"""Builders for the personal half of the protocol: keys, references, lists, histories.

Keys are made from a name, so that a failing test can be repeated; they are used nowhere
else. `NOW` is the one time of these tests.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from interurban_protocol import consent_records, credentials, references, status_lists
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentEvent,
    ConsentState,
    Question,
)
from interurban_protocol.encoding import canonical_json, sha256_digest
from interurban_protocol.keys import (
    Algorithm,
    KeySet,
    PrivateKey,
    PublishedKey,
    Purpose,
)
from interurban_protocol.node_descriptors import (
    Limits,
    NodeDescriptor,
    VerifiedDescriptor,
    describe_key,
    sign_descriptor,
    verify_descriptor,
)
from interurban_protocol.signed_documents import Signer

NOW = datetime(2026, 5, 14, 9, 30, tzinfo=UTC)
TODAY = datetime(2026, 5, 14, tzinfo=UTC)
LAKESIDE = "https://lakeside.example"
HARBOUR = "https://harbour.example"
RIDGE = "https://ridge.example:8443"
LIST_URI = f"{LAKESIDE}/api/v1/status-lists/harbour-1"


def random_bytes(label: str, length: int = 16) -> bytes:
    """Bytes that look random and depend on the label."""
    return hashlib.shake_256(label.encode()).digest(length)


def a_key(label: str, algorithm: Algorithm = Algorithm.ED25519) -> PrivateKey:
    """The test key of that name."""
    return PrivateKey.from_random(algorithm, random_bytes(label, 48))


DOCUMENTS = a_key("lakeside documents")
IDENTITY = a_key("lakeside identity")
CERTIFICATES = a_key("lakeside certificates")
REFERENCES = a_key("lakeside references", Algorithm.ES256)
STATUS = a_key("lakeside status", Algorithm.ES256)
HARBOUR_DOCUMENTS = a_key("harbour documents")

_PURPOSES = (
    (DOCUMENTS, Purpose.DOCUMENTS),
    (CERTIFICATES, Purpose.CREDENTIALS),
    (REFERENCES, Purpose.CREDENTIALS),
    (STATUS, Purpose.STATUS),
)


def published(key: PrivateKey, purpose: Purpose, **changes: Any) -> PublishedKey:
    """The public entry of a key, valid since a month unless `changes` say otherwise."""
    entry: dict[str, Any] = {"valid_from": NOW - timedelta(days=30)}
    return PublishedKey(key=key.public, purpose=purpose, **{**entry, **changes})


def lakeside_keys(**changes: Any) -> KeySet:
    """Lakeside's key set; `changes` apply to every key."""
    return KeySet(tuple(published(key, use, **changes) for key, use in _PURPOSES))


def lakeside_descriptor(**changes: Any) -> bytes:
    """Lakeside's signed descriptor."""
    node = changes.get("node", LAKESIDE)
    keys = tuple(
        describe_key(node, use, key, valid_from=NOW - timedelta(days=30))
        for key, use in _PURPOSES
    )
    members: dict[str, Any] = {
        "signers": (Signer(node=LAKESIDE, key_id=IDENTITY.public.key_id),),
        "protocol_versions": ("1",),
        "node": LAKESIDE,
        "name": {"en": "Lakeside"},
        "demo": False,
        "number": 0,
        "issued_at": NOW - timedelta(days=30),
        "identity": IDENTITY.public.jwk(),
        "keys": keys,
        "limits": Limits(max_body=1_000_000),
    }
    return sign_descriptor(NodeDescriptor(**{**members, **changes}), IDENTITY)


def lakeside(**changes: Any) -> VerifiedDescriptor:
    """Lakeside's verified descriptor."""
    return verify_descriptor(lakeside_descriptor(**changes), NOW)


# --- references


def some_claims(partner: str = HARBOUR, **changes: Any) -> references.ReferenceClaims:
    """Claims of a 60-day reference for `partner`, made as a node makes them."""
    jti = random_bytes(f"jti {partner}", 16).hex()
    members: dict[str, Any] = {
        "iss": LAKESIDE,
        "iat": references.whole_day(NOW),
        "exp": references.whole_day(NOW + timedelta(days=60)),
        "jti": jti,
        "sub": references.pairwise_subject(
            random_bytes("node secret", 32), partner, "learner-7"
        ),
        "consent": references.ReferenceConsent(
            id=random_bytes(f"consent {partner}").hex(),
            purpose="job-placement",
            recipient=partner,
            expires=TODAY + timedelta(days=180),
        ),
        "status": a_status(idx=int.from_bytes(random_bytes(partner, 2))),
        "claim_commitment": references.claim_commitment(random_bytes(f"c {partner}")),
        "stop_commitment": references.stop_commitment(
            references.stop_key(random_bytes("slip"), jti)
        ),
    }
    if partner == RIDGE:
        members["status"] = a_status(idx=77, uri=LIST_URI.replace("harbour", "ridge"))
    return references.ReferenceClaims(**{**members, **changes})


def a_status(idx: int, uri: str = LIST_URI) -> references.ReferenceStatus:
    """A pointer to one entry."""
    pointer = references.StatusPointer(idx=idx, uri=uri)
    return references.ReferenceStatus(status_list=pointer)


def some_facts(**changes: Any) -> references.ReferenceFacts:
    """All five facts about a certificate."""
    members: dict[str, Any] = {
        "credential_digest": references.CredentialDigest(value=sha256_digest(b"vc")),
        "credential_id": "urn:uuid:5f3e8c52-9d1a-4a60-8a8e-0f6b1a5d7c11",
        "achievement": references.AchievementName(
            id=f"{LAKESIDE}/achievements/welding-2",
            name={"en": "Welding, level 2", "ar": "اللحام، المستوى الثاني"},
        ),
        "issue_date": date(2026, 3, 2),
        "level": "EQF 4",
    }
    return references.ReferenceFacts(**{**members, **changes})


def some_salts(label: str) -> tuple[bytes, ...]:
    """As many salts as a reference needs."""
    count = references.DIGEST_COUNT
    return tuple(random_bytes(f"{label} salt {number}") for number in range(count))


def a_reference(partner: str = HARBOUR, **changes: Any) -> str:
    """A reference with all disclosures; `changes` apply to its claims."""
    return references.issue_reference(
        some_claims(partner, **changes),
        some_facts(),
        key=REFERENCES,
        salts=some_salts(partner),
    )


def a_status_token(
    ended: Sequence[int] = (), *, uri: str = LIST_URI, at: datetime = NOW
) -> str:
    """A signed status list with these entries ended."""
    entries = status_lists.StatusList.of_valid().with_invalid(ended)
    return status_lists.sign_status_list(entries, uri=uri, key=STATUS, at=at)


def a_status_list(
    ended: Sequence[int] = (), *, uri: str = LIST_URI, at: datetime = NOW
) -> status_lists.VerifiedStatusList:
    """The same, verified."""
    return status_lists.verify_status_list(
        a_status_token(ended, uri=uri, at=at), uri=uri, keys=lakeside_keys(), at=at
    )


# --- certificates


def an_achievement() -> credentials.Achievement:
    """Welding, level 2."""
    return credentials.Achievement(
        id=f"{LAKESIDE}/achievements/welding-2",
        name="Welding, level 2",
        description="Welds fillet joints in steel plate.",
        criteria=credentials.Criteria(narrative="Passed the practical examination."),
        inLanguage="en",
    )


def some_credential_facts(**changes: Any) -> credentials.CredentialFacts:
    """Facts of a certificate that is valid since yesterday."""
    members: dict[str, Any] = {
        "credential_id": "urn:uuid:5f3e8c52-9d1a-4a60-8a8e-0f6b1a5d7c11",
        "issuer": LAKESIDE,
        "issuer_name": "Lakeside",
        "achievement": an_achievement(),
        "valid_from": NOW - timedelta(days=1),
    }
    return credentials.CredentialFacts(**{**members, **changes})


def a_credential(**changes: Any) -> bytes:
    """A signed certificate."""
    return credentials.sign_credential(
        credentials.achievement_credential(some_credential_facts(**changes)).to_json(),
        CERTIFICATES,
        credentials.verification_method(LAKESIDE, CERTIFICATES.public),
        NOW,
    )


# --- consent


def a_question(**changes: Any) -> Question:
    """Lakeside asks whether a learner may be counted, for two recipients."""
    text = dict.fromkeys(consent_records.QuestionText.model_fields, "Plain words.")
    members: dict[str, Any] = {
        "signers": (Signer(node=LAKESIDE, key_id=DOCUMENTS.public.key_id),),
        "controller": LAKESIDE,
        "scope": consent_records.Scope.AGGREGATES,
        "purpose": consent_records.ProcessingPurpose(
            code="programme-evaluation", dpv="dpv:ServiceOptimisation"
        ),
        "texts": {"en": consent_records.QuestionText(**text)},
        "data_elements": (sha256_digest(b"structure"),),
        "recipients": (a_recipient(HARBOUR), a_recipient(RIDGE)),
        "lawful_basis": "gdpr:6-1-e",
        "retention_days": 730,
        "valid_for_days": 365,
        "maximum_days": 730,
        "storage_country": "NL",
        "rights": ("access", "withdraw"),
        "authority": "authority.example",
        "issued_at": NOW - timedelta(days=100),
    }
    return Question(**{**members, **changes})


def a_recipient(node: str) -> consent_records.Recipient:
    """A recipient at that node."""
    return consent_records.Recipient(node=node, name="A city", fingerprint="bidab")


def question_id(question: Question) -> str:
    """The id of a question: the digest of its payload."""
    return sha256_digest(question.to_json())


def an_event(state: ConsentState, **changes: Any) -> ConsentEvent:
    """An event by the learner on the web, about both recipients; not yet in a chain."""
    members: dict[str, Any] = {
        "sequence": 1,
        "question": question_id(a_question()),
        "learner": consent_records.learner_commitment(
            random_bytes("learner salt"), "learner-7"
        ),
        "state": state,
        "at": NOW,
        "language": "en",
        "rendering": sha256_digest(b"page"),
        "actor": Actor(kind=ActorKind.SELF),
        "channel": Channel.WEB,
        "recipients": (HARBOUR, RIDGE),
    }
    return ConsentEvent(**{**members, **changes})


def a_claim(signed_on: date, evidence: str = "form-1", **changes: Any) -> ConsentEvent:
    """A grant that comes with a registry import."""
    members: dict[str, Any] = {
        "actor": Actor(kind=ActorKind.REGISTRY, source="school-sis"),
        "channel": Channel.IMPORT,
        "evidence": evidence,
        "signed_on": signed_on,
    }
    return an_event(ConsentState.GIVEN, **{**members, **changes})


def a_chain(
    events: Sequence[ConsentEvent], key: PrivateKey = DOCUMENTS
) -> tuple[bytes, ...]:
    """The events signed one by one, each with its sequence and the one before."""
    tokens: list[bytes] = []
    for number, event in enumerate(events, start=1):
        previous = consent_records.event_id(tokens[-1]) if tokens else None
        linked = event.model_copy(update={"sequence": number, "previous": previous})
        tokens.append(consent_records.sign_event(linked, key))
    return tuple(tokens)


def a_history(
    events: Sequence[ConsentEvent], at: datetime = NOW
) -> consent_records.VerifiedHistory:
    """The verified chain of these events."""
    return consent_records.verify_history(a_chain(events), keys=lakeside_keys(), at=at)


def json_bytes(value: Any) -> bytes:
    """Canonical JSON of a tampered value."""
    return canonical_json(value)
