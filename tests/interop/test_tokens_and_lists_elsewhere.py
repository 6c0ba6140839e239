"""VC-JWT and encoded status lists, both ways, and changed ones."""

import json
from typing import Any

import pytest
from openbadgeslib.errors import LibOpenBadgesException
from openbadgeslib.ob3.verifier import OB3Verifier
from openvc.status.bitstring import (
    decode_bitstring,
    encode_bitstring,
    get_status_bit,
    new_bitstring,
    set_status_bit,
)
from openvc.status.token_status_list import decode_status_list, get_status

from interurban_protocol.bitstring_status_lists import ENTRIES, Bitstring
from interurban_protocol.credential_verdicts import CredentialState
from interurban_protocol.encoding import base64url_decode, base64url_encode
from interurban_protocol.keys import PrivateKey
from interurban_protocol.status_lists import StatusList
from tests.support.certificates import METHOD, a_vc_jwt, judge, private_jwk, unsigned
from tests.support.credentials import CERTIFICATES, NOW, REFERENCES
from tests.support.javascript import JavaScript
from tests.support.pems import public_pem

SET = (0, 7, 8, 94_567, ENTRIES - 1)
NEAR = (1, 6, 9, 94_566, 94_568)


def changed(token: str) -> str:
    header, payload, signature = token.split(".")
    value = json.loads(base64url_decode(payload))
    value["name"] = "Welding, level 9"
    return f"{header}.{base64url_encode(json.dumps(value).encode())}.{signature}"


def test_ours_verifies_with_jose(js: JavaScript) -> None:
    arguments: dict[str, Any] = {
        "jwk": CERTIFICATES.public.jwk(),
        "now": NOW.isoformat(),
    }
    answer = js.ask("verifyJwt", token=a_vc_jwt(), **arguments)
    assert answer["payload"].items() >= unsigned().items()
    assert "refused" in js.ask("verifyJwt", token=changed(a_vc_jwt()), **arguments)


def test_ours_verifies_with_openbadgeslib() -> None:
    verifier = OB3Verifier(public_pem(CERTIFICATES))
    assert verifier.verify(a_vc_jwt()).id == unsigned()["id"]
    with pytest.raises(LibOpenBadgesException):
        verifier.verify(changed(a_vc_jwt()))


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("EdDSA", CERTIFICATES), ("Ed25519", CERTIFICATES), ("ES256", REFERENCES)],
)
def test_one_from_jose_verifies_here(
    js: JavaScript, algorithm: str, key: PrivateKey
) -> None:
    method = f"{METHOD.partition('#')[0]}#{key.public.key_id}"
    answer = js.ask(
        "signJwt",
        payload=unsigned(),
        jwk=private_jwk(key),
        header={"alg": algorithm, "typ": "vc+jwt", "kid": method},
    )
    assert judge(answer["token"]).state is CredentialState.NO_STATUS
    assert judge(changed(answer["token"])).state is CredentialState.INVALID_SIGNATURE


def test_bitstrings_are_the_same_in_javascript(js: JavaScript) -> None:
    ours = Bitstring.of_zeros().with_set(SET)
    indices = [*SET, *NEAR]
    answer = js.ask("decodeList", encodedList=ours.encode(), indices=indices)
    assert answer["length"] == ENTRIES
    assert answer["statuses"] == [index in SET for index in indices]
    theirs = js.ask("encodeList", length=ENTRIES, set=list(SET))["encodedList"]
    assert Bitstring.decode(theirs) == ours


def test_bitstrings_are_the_same_with_openvc() -> None:
    ours = Bitstring.of_zeros().with_set(SET)
    bits = decode_bitstring(ours.encode())
    assert [index for index in (*SET, *NEAR) if get_status_bit(bits, index)] == [*SET]
    theirs = new_bitstring(ENTRIES)
    for index in SET:
        set_status_bit(theirs, index, 1)
    assert Bitstring.decode(encode_bitstring(bytes(theirs))) == ours


def test_token_status_lists_are_the_same_with_openvc() -> None:
    ours = StatusList.of_valid().with_invalid(SET)
    data = decode_status_list(ours.encode())
    assert [index for index in (*SET, *NEAR) if get_status(data, index)] == [*SET]
