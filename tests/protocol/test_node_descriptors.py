"""A node's self-description: believed under its own identity key, and only ever growing."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from typing import Any

import pytest

from interurban_protocol.encoding import canonical_json, parse_json_object
from interurban_protocol.errors import (
    ChainError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    SignatureInvalidError,
    SignersError,
    UnsupportedError,
)
from interurban_protocol.keys import Algorithm, PrivateKey, Purpose, fingerprint_words
from interurban_protocol.node_descriptors import (
    DescribedKey,
    Limits,
    NodeDescriptor,
    VerifiedDescriptor,
    describe_key,
    did_document,
    did_web,
    sign_descriptor,
    verify_descriptor,
    verify_successor,
)
from interurban_protocol.signed_documents import Signer, add_signature, start_document
from tests.support.credentials import HARBOUR, LAKESIDE, NOW, a_key

IDENTITY = a_key("descriptor identity")
EXCHANGE = a_key("descriptor exchange")
STATUS = a_key("descriptor status", Algorithm.ES256)
NEXT = a_key("descriptor exchange of next year")


def described(
    key: PrivateKey, purpose: Purpose, node: str = LAKESIDE, **changes: Any
) -> DescribedKey:
    return describe_key(node, purpose, key, **{"valid_from": NOW, **changes})


@lru_cache  # ES256 signs differently each time
def keys_of(node: str) -> tuple[DescribedKey, ...]:
    return (
        described(EXCHANGE, Purpose.EXCHANGE, node),
        described(STATUS, Purpose.STATUS, node),
    )


KEYS = keys_of(LAKESIDE)


def a_payload(identity: PrivateKey = IDENTITY, **changes: Any) -> NodeDescriptor:
    node = changes.get("node", LAKESIDE)
    values: dict[str, Any] = {
        "signers": (Signer(node=node, key_id=identity.public.key_id),),
        "protocol_versions": ("1",),
        "node": node,
        "name": {"en": "Lakeside", "ar": "ليك سايد"},
        "demo": False,
        "number": 0,
        "issued_at": NOW,
        "identity": identity.public.jwk(),
        "keys": keys_of(node),
        "limits": Limits(max_body=1_000_000),
        **changes,
    }
    return NodeDescriptor(**values)


def a_descriptor(identity: PrivateKey = IDENTITY, **changes: Any) -> bytes:
    return sign_descriptor(a_payload(identity, **changes), identity)


def verified(**changes: Any) -> VerifiedDescriptor:
    return verify_descriptor(a_descriptor(**changes), NOW)


def test_a_descriptor_shows_its_node_its_keys_and_its_words():
    found = verified()
    assert found.payload.node == LAKESIDE
    assert found.identity == IDENTITY.public
    assert found.words == fingerprint_words(IDENTITY.public)
    assert found.key_set.find(EXCHANGE.public.key_id, Purpose.EXCHANGE, NOW)


@pytest.mark.parametrize(
    ("names", "language", "shown"),
    [
        ({"en": "Lakeside", "ar": "ليك سايد"}, "ar", "ليك سايد"),
        ({"ar": "ليك سايد"}, "en", "ليك سايد"),
    ],
)
def test_a_city_is_called_by_the_name_that_it_gives(names, language, shown):
    assert verified(name=names).display_name(language) == shown


@pytest.mark.parametrize(
    "names",
    [
        {},
        {"en": ""},
        {"en": "x" * 101},
        {"en": "Lakeside\x1b[2J"},
        {"en": "Lakeside\nRefused"},
        {"english": "Lakeside"},
    ],
)
def test_a_name_that_could_play_with_a_terminal_is_no_name(names):
    payload = dict(parse_json_object(verified().payload.to_json()))
    with pytest.raises(MalformedError, match="name"):
        NodeDescriptor.from_json(canonical_json({**payload, "name": names}))


def envelope_with(change: Callable[[dict[str, Any]], None]) -> bytes:
    value = dict(parse_json_object(a_descriptor()))
    change(value)
    return canonical_json(value)


def change_protected(value: dict[str, Any]) -> None:
    value["signatures"][0]["protected"] = value["signatures"][0]["signature"]


REFUSED: dict[str, tuple[Callable[[], bytes], type[InterurbanError]]] = {
    "no JSON": (lambda: b"{", MalformedError),
    "no document": (lambda: b"{}", MalformedError),
    "no signature": (
        lambda: envelope_with(lambda v: v.update(signatures=[])),
        MalformedError,
    ),
    "an unprotected header": (
        lambda: envelope_with(lambda v: v["signatures"][0].update(header={})),
        MalformedError,
    ),
    "another header": (lambda: envelope_with(change_protected), MalformedError),
    "another payload under the old signature": (
        lambda: envelope_with(
            lambda v: v.update(
                payload=parse_json_object(a_descriptor(demo=True))["payload"]
            )
        ),
        SignatureInvalidError,
    ),
    "another kind": (
        lambda: start_document(
            a_payload().model_copy(update={"kind": "agreement"}), IDENTITY
        ),
        MalformedError,
    ),
    "signed as another kind": (
        lambda: envelope_with(
            lambda v: v.update(
                signatures=parse_json_object(
                    start_document(
                        a_payload().model_copy(update={"kind": "agreement"}), IDENTITY
                    )
                )["signatures"]
            )
        ),
        SignatureInvalidError,
    ),
    "signed by a working key": (
        lambda: start_document(a_payload(), EXCHANGE),
        SignersError,
    ),
    "two signatures": (
        lambda: add_signature(a_descriptor(), "node-descriptor", EXCHANGE),
        SignersError,
    ),
    "two signers": (
        lambda: start_document(
            a_payload(
                signers=(
                    Signer(node=LAKESIDE, key_id=EXCHANGE.public.key_id),
                    Signer(node=LAKESIDE, key_id=IDENTITY.public.key_id),
                )
            ),
            EXCHANGE,
            IDENTITY,
        ),
        SignersError,
    ),
    "no signer listed": (lambda: a_descriptor(signers=()), SignersError),
    "a signer of another address": (
        lambda: a_descriptor(
            signers=(Signer(node=HARBOUR, key_id=IDENTITY.public.key_id),)
        ),
        SignersError,
    ),
    "a working key listed as the signer": (
        lambda: start_document(
            a_payload(signers=(Signer(node=LAKESIDE, key_id=EXCHANGE.public.key_id),)),
            EXCHANGE,
        ),
        SignersError,
    ),
    "another protocol": (
        lambda: a_descriptor(protocol_versions=("2",)),
        UnsupportedError,
    ),
    "from the future": (
        lambda: a_descriptor(issued_at=NOW + timedelta(seconds=301)),
        NotYetValidError,
    ),
    "a key that is none": (
        lambda: a_descriptor(
            keys=(
                DescribedKey(
                    purpose=Purpose.EXCHANGE,
                    jwk={"kty": "OKP"},
                    proof="AAAA",
                    valid_from=NOW,
                ),
            )
        ),
        MalformedError,
    ),
    "a private key": (
        lambda: a_descriptor(
            keys=(
                DescribedKey(
                    purpose=Purpose.EXCHANGE,
                    jwk={**EXCHANGE.public.jwk(), "d": "AAAA"},
                    proof="AAAA",
                    valid_from=NOW,
                ),
            )
        ),
        MalformedError,
    ),
    "a key that another city announced": (
        lambda: a_descriptor(keys=keys_of(HARBOUR)),
        SignatureInvalidError,
    ),
    "a key under the proof of another purpose": (
        lambda: a_descriptor(
            keys=(
                described(EXCHANGE, Purpose.EXCHANGE).model_copy(
                    update={"purpose": Purpose.DOCUMENTS}
                ),
            )
        ),
        SignatureInvalidError,
    ),
    "a proof that is no base64url": (
        lambda: a_descriptor(keys=(KEYS[0].model_copy(update={"proof": "!"}), KEYS[1])),
        MalformedError,
    ),
    "an identity that is no key": (
        lambda: start_document(
            a_payload().model_copy(update={"identity": {"kty": "oct"}}), IDENTITY
        ),
        MalformedError,
    ),
    "a working key for identity": (
        lambda: a_descriptor(keys=(described(NEXT, Purpose.IDENTITY),)),
        MalformedError,
    ),
    "the identity key as working key": (
        lambda: a_descriptor(keys=(described(IDENTITY, Purpose.DOCUMENTS),)),
        MalformedError,
    ),
    "a key twice for one purpose": (
        lambda: a_descriptor(
            keys=(
                described(EXCHANGE, Purpose.EXCHANGE),
                described(EXCHANGE, Purpose.EXCHANGE, compromised_at=NOW),
            )
        ),
        MalformedError,
    ),
    "an address with a path": (
        lambda: start_document(
            a_payload().model_copy(update={"node": LAKESIDE + "/x"}), IDENTITY
        ),
        MalformedError,
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_wrong_descriptor_is_refused_with_its_own_error(how: str):
    make, expected = REFUSED[how]
    with pytest.raises(InterurbanError) as caught:
        verify_descriptor(make(), NOW)
    assert type(caught.value) is expected


def test_a_clock_that_is_a_little_ahead_is_forgiven():
    assert verified(issued_at=NOW + timedelta(seconds=300)).payload.number == 0


def test_nobody_else_makes_a_verified_descriptor():
    found = verified()
    with pytest.raises(TypeError, match="only verify_descriptor"):
        VerifiedDescriptor(
            found.payload,
            found.document,
            found.document_id,
            found.identity,
            found.key_set,
            object(),
        )


def successor(
    held: VerifiedDescriptor, identity: PrivateKey = IDENTITY, **changes: Any
) -> bytes:
    values = {"number": held.payload.number + 1, "previous": held.document_id}
    return a_descriptor(identity, **{**values, **changes})


def test_a_successor_may_add_and_retire_and_compromise_keys():
    held = verified()
    keys = (
        described(EXCHANGE, Purpose.EXCHANGE, valid_until=NOW, compromised_at=NOW),
        described(STATUS, Purpose.STATUS),
        described(NEXT, Purpose.EXCHANGE),
    )
    new = verify_successor(held, successor(held, keys=keys), NOW)
    assert new.payload.number == 1
    assert new.key_set.current(Purpose.EXCHANGE, Algorithm.ED25519, NOW) == NEXT.public


def test_the_same_descriptor_again_is_the_one_that_is_held():
    held = verified()
    assert verify_successor(held, a_descriptor(), NOW) is held


def test_a_gap_is_accepted_because_a_node_may_have_been_away():
    held = verified()
    new = verify_successor(
        held, successor(held, number=5, previous="sha256:" + "4" * 64), NOW
    )
    assert new.payload.number == 5


OTHER_IDENTITY = a_key("another identity")
BROKEN_CHAINS: dict[str, Callable[[VerifiedDescriptor], bytes]] = {
    "a rollback": lambda held: a_descriptor(number=2),
    "a fork": lambda held: a_descriptor(number=3, name={"en": "Elsewhere"}),
    "another predecessor": lambda held: successor(held, previous="sha256:" + "0" * 64),
    "no predecessor": lambda held: successor(held, previous=None),
    "another node": lambda held: successor(held, node=HARBOUR),
    "another identity": lambda held: successor(held, OTHER_IDENTITY),
    "a dropped key": lambda held: successor(held, keys=KEYS[:1]),
    "a dropped key after a gap": lambda held: successor(held, number=9, keys=KEYS[:1]),
    "a key under another purpose": lambda held: successor(
        held, keys=(KEYS[0], described(STATUS, Purpose.CREDENTIALS))
    ),
}


@pytest.mark.parametrize("how", BROKEN_CHAINS)
def test_what_does_not_follow_on_is_refused(how: str):
    held = verified(number=3, previous="sha256:" + "3" * 64)
    document = BROKEN_CHAINS[how](held)
    verify_descriptor(document, NOW)  # sound by itself
    with pytest.raises(ChainError):
        verify_successor(held, document, NOW)


def test_a_compromise_is_never_taken_back():
    lost = (described(EXCHANGE, Purpose.EXCHANGE, compromised_at=NOW), KEYS[1])
    held = verified(keys=lost)
    with pytest.raises(ChainError, match="takes a compromise back"):
        verify_successor(held, successor(held), NOW)


def test_a_broken_successor_is_refused_as_any_broken_descriptor():
    with pytest.raises(SignersError):
        verify_successor(verified(), start_document(a_payload(), EXCHANGE), NOW)


@pytest.mark.parametrize(
    ("origin", "did"),
    [
        ("https://lakeside.example", "did:web:lakeside.example"),
        ("http://127.0.0.1:8101", "did:web:127.0.0.1%3A8101"),
    ],
)
def test_the_did_of_a_node_follows_from_its_address(origin: str, did: str):
    assert did_web(origin) == did


def test_the_did_document_leaves_compromised_keys_out_and_names_who_may_issue():
    keys = (
        described(EXCHANGE, Purpose.EXCHANGE),
        described(STATUS, Purpose.STATUS),
        described(NEXT, Purpose.DOCUMENTS, compromised_at=NOW),
    )
    document = did_document(verified(keys=keys))
    assert isinstance(document, dict)
    shown = [method["publicKeyJwk"] for method in document["verificationMethod"]]
    assert shown == [EXCHANGE.public.jwk(), STATUS.public.jwk()]
    assert document["assertionMethod"] == [
        f"did:web:lakeside.example#{STATUS.public.key_id}"
    ]
