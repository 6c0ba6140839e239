"""A credential as a file, verified offline by somebody with a laptop and no account.

Everything comes as bytes: the credential in any form, descriptors of cities whose fingerprint
words were compared, DID documents, identifiers that are trusted, and status lists as they
were fetched. A status list that cannot be believed is left out, and the verdict says that
the status is unknown; what was wrong with it is in `refused_lists`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from interurban_protocol.credential_trust import CredentialTrust, trust_in
from interurban_protocol.credential_verdicts import (
    CredentialState,
    CredentialVerdict,
    HeldStatuses,
    VerifiedBitstringList,
    verify_bitstring_list,
    verify_credential,
)
from interurban_protocol.did_documents import DidDocument, parse_did_document
from interurban_protocol.encoding import (
    JsonValue,
    base64url_decode,
    parse_json_object,
)
from interurban_protocol.errors import InterurbanError, MalformedError
from interurban_protocol.keys import KeySet
from interurban_protocol.status_lists import VerifiedStatusList, verify_status_list


@dataclass(frozen=True, slots=True, kw_only=True)
class CredentialFile:
    """What was handed over."""

    document: bytes
    at: datetime
    nodes: Mapping[str, KeySet]
    did_documents: Sequence[bytes] = ()
    did_keys: Sequence[str] = ()
    status_lists: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class FileVerdict:
    """The verdict, and why status lists were left out."""

    verdict: CredentialVerdict
    refused_lists: tuple[str, ...]


SENTENCES: Mapping[CredentialState, str] = {
    CredentialState.FRESH: "The issuer's status list says that it is valid.",
    CredentialState.CACHED: "It was valid when the status list was fetched.",
    CredentialState.NO_STATUS: (
        "Whether it was revoked since was NOT checked: its issuer keeps no status."
    ),
    CredentialState.STALE: (
        "Whether it was revoked since is NOT known: the status list is too old."
    ),
    CredentialState.UNKNOWN_STATUS: (
        "Whether it was revoked since was NOT checked: give --status-list."
    ),
    CredentialState.SUSPENDED: "Its issuer has suspended it; ask the issuer.",
    CredentialState.REVOKED: "Its issuer has revoked it.",
    CredentialState.EXPIRED: "Its time is over.",
    CredentialState.NOT_YET_VALID: "Its time has not come.",
    CredentialState.HOLDER_UNPROVEN: "Whoever sent it did not show that it is theirs.",
    CredentialState.UNTRUSTED_ISSUER: (
        "If you trust its issuer, give --descriptor, --did-document or --trust."
    ),
    CredentialState.WRONG_KEY: "The key that signed it was not for certificates then.",
    CredentialState.INVALID_SIGNATURE: "It was changed, or another signed it.",
    CredentialState.UNSUPPORTED: "It is in a form that is not verified here.",
    CredentialState.MALFORMED: "It cannot be read.",
}
"""What each state means, in plain words."""


def verify_credential_file(given: CredentialFile) -> FileVerdict:
    """The verdict on a credential in any form, from what is at hand.

    Raises:
        MalformedError, UnsupportedError: a DID document or trusted identifier that is none.
    """
    trust = trust_in(
        nodes=given.nodes,
        documents=[_did_document(data) for data in given.did_documents],
        did_keys=given.did_keys,
    )
    held, refused = _held(given, trust)
    verdict = verify_credential(given.document, trust=trust, held=held, at=given.at)
    return FileVerdict(verdict, refused)


def _did_document(data: bytes) -> DidDocument:
    did = parse_json_object(data).get("id")
    if not isinstance(did, str):
        raise MalformedError("the DID document has no id")
    return parse_did_document(data, did)


def _held(
    given: CredentialFile, trust: CredentialTrust
) -> tuple[HeldStatuses, tuple[str, ...]]:
    bitstrings: dict[str, VerifiedBitstringList] = {}
    tokens: dict[str, VerifiedStatusList] = {}
    refused: list[str] = []
    for data in given.status_lists:
        try:
            claims = _unverified_claims(data)
            if "status_list" in claims:
                address = _text(claims, "sub")
                tokens[address] = _token_list(data, address, given)
            else:
                address = _text(claims, "id")
                bitstrings[address] = verify_bitstring_list(
                    data.strip(), address=address, trust=trust, at=given.at
                )
        except InterurbanError as error:
            refused.append(error.message)
    return HeldStatuses(bitstrings, tokens), tuple(refused)


def _token_list(data: bytes, address: str, given: CredentialFile) -> VerifiedStatusList:
    for node, keys in given.nodes.items():
        if address.startswith(f"{node}/"):
            token = data.decode("ascii").strip()
            return verify_status_list(token, uri=address, keys=keys, at=given.at)
    raise MalformedError("the status list is not of a city whose descriptor was given")


def _unverified_claims(data: bytes) -> Mapping[str, JsonValue]:
    if data.lstrip()[:1] == b"{":
        return parse_json_object(data)
    try:
        parts = data.decode("ascii").strip().split(".")
    except UnicodeDecodeError as error:
        raise MalformedError("the status list is neither JSON nor a token") from error
    if len(parts) != 3:
        raise MalformedError("the status list is neither JSON nor a token")
    return parse_json_object(base64url_decode(parts[1]))


def _text(claims: Mapping[str, JsonValue], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str):
        raise MalformedError("the status list does not say where it belongs")
    return value
