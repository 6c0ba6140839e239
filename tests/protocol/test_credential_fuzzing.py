"""Whatever is put into a credential, the answer is a verdict, and never that it is valid."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from interurban_protocol.credential_verdicts import (
    CredentialState,
    verify_bitstring_list,
)
from interurban_protocol.data_integrity import Cryptosuite
from interurban_protocol.did_documents import parse_did_document
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import InterurbanError
from interurban_protocol.node_descriptors import did_document
from interurban_protocol.sd_jwt_names import CERTIFICATE_VCT
from interurban_protocol.tokens import sign_token
from tests.support.certificates import (
    DID,
    METHOD,
    REVOCATIONS,
    SUITES,
    held,
    judge,
    list_document,
    signed,
    status_entries,
    trust,
    unsigned,
)
from tests.support.credentials import (
    CERTIFICATES,
    LAKESIDE,
    LIST_URI,
    NOW,
    REFERENCES,
    lakeside,
)

HELD = held()
SIGNED = {
    suite: signed(unsigned(credentialStatus=status_entries()), suite)
    for suite in SUITES
}
names = st.sampled_from(
    [
        "id",
        "@id",
        "type",
        "@type",
        "@value",
        "@list",
        "@graph",
        "@context",
        "name",
        "x:y",
    ]
)
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(min_value=-(2**53), max_value=2**53),
    st.floats(),
    st.text(max_size=6),
    st.sampled_from(["urn:a:b", "_:b0", "@id", "z6Mk", "revocation", "did:key:z6Mk"]),
)
values = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)
    ),
    max_leaves=6,
)
chances = st.lists(st.integers(min_value=0, max_value=99), min_size=8, max_size=8)


def mutated(document: Any, chances: list[int], value: Any) -> Any:
    """A copy of the document with one member or element, chosen by chance, replaced."""
    copy = json.loads(json.dumps(document))
    target = copy
    for chance in chances:
        places = list(target) if isinstance(target, dict) else list(range(len(target)))
        place = places[chance % len(places)]
        inner = target[place]
        if not isinstance(inner, dict | list) or not inner or chance % 7 == 0:
            target[place] = value
            return copy
        target = inner
    return copy


@settings(max_examples=300)
@given(st.sampled_from(SUITES), chances, values)
def test_a_changed_document_is_never_valid(
    suite: Cryptosuite, chances: list[int], value: Any
) -> None:
    changed = mutated(SIGNED[suite], chances, value)
    verdict = judge(json.dumps(changed).encode(), held=HELD)
    if changed != SIGNED[suite]:
        assert verdict.state is not CredentialState.FRESH


@settings(max_examples=300)
@given(st.sampled_from([*SUITES, None]), chances, values)
def test_whatever_an_issuer_signs_has_a_verdict(
    suite: Cryptosuite | None, chances: list[int], value: Any
) -> None:
    changed = mutated(unsigned(credentialStatus=status_entries()), chances, value)
    try:
        if suite is None:
            made: Any = sign_token(changed, CERTIFICATES, typ="vc+jwt", key_id=METHOD)
        else:
            made = signed(changed, suite)
    except InterurbanError:
        return  # it cannot be signed, and says so
    assert judge(made, held=HELD).reason


CLAIMS = {
    "iss": LAKESIDE,
    "vct": CERTIFICATE_VCT,
    "iat": int(NOW.timestamp()),
    "exp": int(NOW.timestamp()) + 9,
    "cnf": {"jwk": REFERENCES.public.jwk()},
    "status": {"status_list": {"idx": 1, "uri": LIST_URI}},
    "_sd": ["x"],
    "_sd_alg": "sha-256",
    "list": [{"...": "x"}],
}


@settings(max_examples=200)
@given(chances, values)
def test_whatever_stands_in_an_sd_jwt_has_a_verdict(
    chances: list[int], value: Any
) -> None:
    try:
        token = sign_token(
            mutated(CLAIMS, chances, value),
            REFERENCES,
            typ="dc+sd-jwt",
            key_id=REFERENCES.public.key_id,
        )
    except InterurbanError:
        return
    assert judge(token + "~", held=HELD).reason


LIST = json.loads(list_document())
DOCUMENT = json.loads(canonical_json(did_document(lakeside())))


@settings(max_examples=100)
@given(chances, values)
def test_lists_and_did_documents_fail_with_an_error_of_ours(
    chances: list[int], value: Any
) -> None:
    changed = {
        name: member
        for name, member in mutated(LIST, chances, value).items()
        if name != "proof"
    }
    try:
        data = canonical_json(signed(changed, Cryptosuite.JCS))
        verify_bitstring_list(data, address=REVOCATIONS, trust=trust(), at=NOW)
    except InterurbanError:
        pass
    try:
        document = json.dumps(mutated(DOCUMENT, chances, value)).encode()
        parse_did_document(document, DID)
    except InterurbanError:
        pass
