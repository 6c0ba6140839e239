"""References: what a partner gets, what it may conclude, and what links two partners."""

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interurban_protocol import jws
from interurban_protocol.encoding import (
    base64url_decode,
    base64url_encode,
    canonical_json,
    parse_json,
    parse_json_object,
)
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.keys import KeySet, PrivateKey, Purpose
from interurban_protocol.references import (
    DIGEST_COUNT,
    LINKABLE_FACTS,
    MAX_REFERENCE_CHARACTERS,
    PARTNER_FACTS,
    ReferenceConsent,
    ReferenceFacts,
    ReferenceState,
    ReferenceVerdict,
    VerifiedReference,
    check_claims,
    claim_commitment,
    issue_reference,
    matches_claim,
    matches_stop,
    pairwise_subject,
    parse_reference,
    present,
    stop_commitment,
    stop_key,
    verify_reference,
    whole_day,
)
from interurban_protocol.selective_disclosure import (
    disclosed_payload,
    make_disclosure,
    split_token,
)
from tests.support.credentials import (
    CERTIFICATES,
    HARBOUR,
    LAKESIDE,
    LIST_URI,
    NOW,
    REFERENCES,
    RIDGE,
    STATUS,
    TODAY,
    a_key,
    a_reference,
    a_status,
    a_status_list,
    lakeside_keys,
    published,
    random_bytes,
    some_claims,
    some_facts,
    some_salts,
)

INDEX = some_claims().status.status_list.idx


def judge(token: str, **changes: Any) -> ReferenceVerdict:
    arguments: dict[str, Any] = {
        "issuer_keys": lakeside_keys(),
        "expected_issuer": LAKESIDE,
        "recipient": HARBOUR,
        "status": a_status_list(),
        "at": NOW,
    }
    return verify_reference(token, **{**arguments, **changes})


def payload_of(token: str) -> dict[str, Any]:
    return dict(parse_json_object(base64url_decode(token.split(".")[1])))


def re_signed(
    key: PrivateKey = REFERENCES, typ: str = "dc+sd-jwt", **changes: Any
) -> str:
    """A reference whose payload was changed and signed again by its issuer."""
    token = a_reference()
    payload = {**payload_of(token), **changes}
    payload = {name: value for name, value in payload.items() if value is not ...}
    _, _, rest = token.partition("~")
    return f"{jws.sign(canonical_json(payload), typ=typ, key=key)}~{rest}"


# --- what it is worth


def test_a_reference_with_a_new_list_is_fresh() -> None:
    verdict = judge(a_reference())
    assert verdict.state is ReferenceState.FRESH
    assert verdict.is_valid()
    assert verdict.age == timedelta(0)
    assert verdict.reference is not None
    assert verdict.reference.claims == some_claims()
    assert verdict.reference.facts == some_facts()


def test_a_reference_with_an_older_list_is_cached_and_says_how_old() -> None:
    verdict = judge(a_reference(), at=NOW + timedelta(hours=5))
    assert verdict.state is ReferenceState.CACHED
    assert verdict.is_valid()
    assert verdict.age == timedelta(hours=5)


@pytest.mark.parametrize(
    "status",
    [
        None,
        a_status_list(at=NOW - timedelta(hours=24)),
        a_status_list(uri=LIST_URI + "-next"),
    ],
    ids=["no list", "an expired list", "the list of another partner"],
)
def test_without_a_current_list_a_reference_is_stale_never_valid(status: Any) -> None:
    verdict = judge(a_reference(), status=status)
    assert verdict.state is ReferenceState.STALE
    assert not verdict.is_valid()
    assert verdict.reference is not None


@pytest.mark.parametrize("hours", [0, 5, 30])
def test_an_ended_reference_is_ended_however_old_the_list_is(hours: int) -> None:
    verdict = judge(
        a_reference(), status=a_status_list([INDEX]), at=NOW + timedelta(hours=hours)
    )
    assert verdict.state is ReferenceState.ENDED
    assert not verdict.is_valid()
    assert verdict.reason == "the reference is no longer shared"


def test_an_ended_neighbour_changes_nothing() -> None:
    status = a_status_list([INDEX - 1, INDEX + 1])
    assert judge(a_reference(), status=status).state is ReferenceState.FRESH


def test_a_reference_expires_with_its_last_day() -> None:
    end = TODAY + timedelta(days=60)
    before = judge(a_reference(), at=end - timedelta(seconds=1))
    after = judge(a_reference(), at=end)
    assert before.state is ReferenceState.STALE
    assert after.state is ReferenceState.EXPIRED
    assert after.reference is not None


def test_a_reference_of_a_later_day_is_not_valid_yet() -> None:
    verdict = judge(a_reference(), at=TODAY - timedelta(minutes=6))
    assert verdict.state is ReferenceState.INVALID
    assert judge(a_reference(), at=TODAY - timedelta(minutes=5)).state is (
        ReferenceState.FRESH
    )


def test_another_partners_reference_is_not_valid_here() -> None:
    assert judge(a_reference(), recipient=RIDGE).state is ReferenceState.INVALID


def test_an_employer_behind_the_partner_need_not_be_the_recipient() -> None:
    assert judge(a_reference(), recipient=None).state is ReferenceState.FRESH


def test_another_issuer_than_expected_is_not_trusted() -> None:
    verdict = judge(a_reference(), expected_issuer=RIDGE)
    assert verdict.state is ReferenceState.UNTRUSTED_ISSUER
    assert verdict.reference is None


def test_a_key_that_came_into_use_on_the_day_of_issue_counts() -> None:
    for entry in (
        {"valid_from": NOW - timedelta(hours=1)},
        {"valid_until": NOW + timedelta(hours=1)},
    ):
        keys = KeySet((published(REFERENCES, Purpose.CREDENTIALS, **entry),))
        assert judge(a_reference(), issuer_keys=keys).state is ReferenceState.FRESH


@pytest.mark.parametrize(
    ("keys", "state"),
    [
        (KeySet(()), ReferenceState.UNTRUSTED_ISSUER),
        (lakeside_keys(compromised_at=NOW), ReferenceState.INVALID),
        (lakeside_keys(valid_from=TODAY + timedelta(days=1)), ReferenceState.INVALID),
        (lakeside_keys(valid_until=TODAY), ReferenceState.INVALID),
        (
            KeySet((published(REFERENCES, Purpose.STATUS),)),
            ReferenceState.INVALID,
        ),
    ],
    ids=["none", "compromised", "not yet", "no longer", "another purpose"],
)
def test_a_reference_counts_only_under_a_key_of_its_day(
    keys: KeySet, state: ReferenceState
) -> None:
    verdict = judge(a_reference(), issuer_keys=keys)
    assert verdict.state is state
    assert verdict.reference is None


# --- tampering


def swapped(part: int, other: str) -> str:
    token, _, rest = a_reference().partition("~")
    parts = token.split(".")
    parts[part] = other.partition("~")[0].split(".")[part]
    return ".".join(parts) + "~" + rest


def with_parts(*extra: str) -> str:
    return a_reference() + "".join(f"{part}~" for part in extra)


def with_another_fact() -> str:
    """A reference whose issuer disclosed something that is not in the profile."""
    extra = make_disclosure(random_bytes("extra"), "nickname", "x")
    digests = [extra.digest, *payload_of(a_reference())["_sd"][1:]]
    return f"{re_signed(_sd=digests).partition('~')[0]}~{extra.text}~"


TOKEN, *TEXTS = a_reference().rstrip("~").split("~")
FORGED = make_disclosure(random_bytes("forged"), "level", "EQF 8").text

TAMPERED: dict[str, tuple[str, ReferenceState]] = {
    "nothing": ("", ReferenceState.MALFORMED),
    "text": ("not a token", ReferenceState.MALFORMED),
    "foreign characters": ("مرحبا~", ReferenceState.MALFORMED),
    "half a surrogate": ("\ud800~", ReferenceState.MALFORMED),
    "a NUL": ("\0~", ReferenceState.MALFORMED),
    "no final tilde": (a_reference()[:-1], ReferenceState.MALFORMED),
    "a tilde too many": (a_reference() + "~", ReferenceState.MALFORMED),
    "key binding": (a_reference() + "a.b.c", ReferenceState.MALFORMED),
    "a line end": (a_reference() + "\n", ReferenceState.MALFORMED),
    "a disclosure twice": (with_parts(TEXTS[0]), ReferenceState.MALFORMED),
    "a forged disclosure": (with_parts(FORGED), ReferenceState.MALFORMED),
    "a padded disclosure": (
        f"{TOKEN}~{TEXTS[0]}=~",
        ReferenceState.MALFORMED,
    ),
    "a padded header": (a_reference().replace(".", "=.", 1), ReferenceState.MALFORMED),
    "two parts": ("a.b~", ReferenceState.MALFORMED),
    "too long": ("a" * (MAX_REFERENCE_CHARACTERS + 1), ReferenceState.MALFORMED),
    "a disclosed claim": (
        with_parts(make_disclosure(random_bytes("x"), "iss", RIDGE).text),
        ReferenceState.MALFORMED,
    ),
    "another header": (
        swapped(0, re_signed(typ="jwt")),
        ReferenceState.INVALID,
    ),
    "another payload": (swapped(1, re_signed(jti="y" * 22)), ReferenceState.INVALID),
    "another signature": (swapped(2, a_reference(RIDGE)), ReferenceState.INVALID),
    "a stranger's key": (
        re_signed(a_key("stranger", REFERENCES.algorithm)),
        ReferenceState.UNTRUSTED_ISSUER,
    ),
    "a key for certificates": (re_signed(CERTIFICATES), ReferenceState.INVALID),
    "a key for lists": (re_signed(STATUS), ReferenceState.INVALID),
    "another type": (re_signed(typ="jwt"), ReferenceState.INVALID),
    "another vct": (re_signed(vct="urn:x:y"), ReferenceState.MALFORMED),
    "an audience": (re_signed(aud=HARBOUR), ReferenceState.MALFORMED),
    "no subject": (re_signed(sub=...), ReferenceState.MALFORMED),
    "an open fact": (re_signed(level="EQF 8"), ReferenceState.MALFORMED),
    "an open fact that is not disclosed": (
        f"{re_signed(level='EQF 8').partition('~')[0]}~",
        ReferenceState.MALFORMED,
    ),
    "a fact of no profile": (with_another_fact(), ReferenceState.MALFORMED),
    "no digests": (re_signed(_sd=...), ReferenceState.MALFORMED),
    "a digest too many": (
        re_signed(_sd=[*payload_of(a_reference())["_sd"], "x" * 43]),
        ReferenceState.MALFORMED,
    ),
    "another hash": (re_signed(_sd_alg="sha-512"), ReferenceState.MALFORMED),
    "a time of day": (re_signed(iat=whole_day(NOW) + 1), ReferenceState.MALFORMED),
    "an hour of expiry": (re_signed(exp=whole_day(NOW) + 1), ReferenceState.MALFORMED),
    "91 days": (
        re_signed(exp=whole_day(NOW + timedelta(days=91))),
        ReferenceState.MALFORMED,
    ),
    "an end before the beginning": (
        re_signed(exp=whole_day(NOW)),
        ReferenceState.MALFORMED,
    ),
    "beyond the calendar": (re_signed(exp=2**52), ReferenceState.MALFORMED),
    "a time as text": (re_signed(iat="today"), ReferenceState.MALFORMED),
    "another city's list": (
        re_signed(
            status={"status_list": {"idx": 1, "uri": f"{RIDGE}/api/v1/status-lists/1"}}
        ),
        ReferenceState.MALFORMED,
    ),
    "an index beyond the list": (
        re_signed(status={"status_list": {"idx": 131_072, "uri": LIST_URI}}),
        ReferenceState.MALFORMED,
    ),
    "no status": (re_signed(status=...), ReferenceState.MALFORMED),
}


@pytest.mark.parametrize(("token", "state"), TAMPERED.values(), ids=TAMPERED)
def test_a_tampered_reference_is_a_verdict_and_never_an_error(
    token: str, state: ReferenceState
) -> None:
    verdict = judge(token)
    assert verdict.state is state
    assert verdict.reason
    assert verdict.reference is None


@given(st.integers(min_value=0), st.characters(codec="utf-8"))
def test_a_changed_character_is_never_accepted(place: int, character: str) -> None:
    token = a_reference()
    place %= len(token)
    changed = token[:place] + character + token[place + 1 :]
    if changed != token:
        assert not judge(changed).is_valid()


@given(st.text())
def test_any_text_at_all_is_a_verdict(text: str) -> None:
    assert judge(text).state is ReferenceState.MALFORMED


def test_reasons_quote_nothing_from_the_token() -> None:
    secret = "Maria Musterfrau"
    for token in (re_signed(vct=secret), re_signed(sub=[secret]), secret + "~"):
        assert "Maria" not in judge(token).reason


# --- presenting


def test_a_fact_that_is_held_back_is_gone_and_the_signature_still_verifies() -> None:
    token = present(a_reference(), {"achievement"})
    verdict = judge(token)
    assert verdict.state is ReferenceState.FRESH
    assert verdict.reference is not None
    facts = verdict.reference.facts
    assert facts == ReferenceFacts(achievement=some_facts().achievement)
    assert "EQF" not in str(split_token(token))


def test_a_reference_without_any_disclosure_is_still_a_reference() -> None:
    verdict = judge(present(a_reference(), ()))
    assert verdict.reference is not None
    assert verdict.reference.facts == ReferenceFacts()


def test_presenting_what_is_no_reference_is_refused() -> None:
    with pytest.raises(MalformedError):
        present("a.b.c~", {"level"})


# --- what links two partners

CONSTANTS = {
    LAKESIDE,
    "urn:interurban:vct:credential-reference:1",
    "job-placement",
    "sha-256",
    "ES256",
    "dc+sd-jwt",
    REFERENCES.public.key_id,
    "2026-11-10T00:00:00Z",  # the day the consent ends
} | PARTNER_FACTS  # the names of the facts


def strings_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings_in(member)


def everything_in(token: str) -> set[str]:
    """Every string a partner can read out of what it was sent."""
    issuer_token, *texts = token.rstrip("~").split("~")
    header, payload, signature = issuer_token.split(".")
    found = {signature, signature[:43], signature[43:], *texts}
    for part in (header, payload, *texts):
        found |= set(strings_in(parse_json(base64url_decode(part))))
    return found


def test_two_partners_share_nothing_but_constants() -> None:
    descriptive = set(strings_in(some_facts().model_dump(mode="json"))) - set(
        strings_in(some_facts().model_dump(mode="json", include=set(LINKABLE_FACTS)))
    )
    harbour, ridge = (
        everything_in(present(a_reference(partner), PARTNER_FACTS))
        for partner in (HARBOUR, RIDGE)
    )
    assert harbour & ridge <= CONSTANTS | descriptive
    assert {LAKESIDE, "job-placement"} <= harbour & ridge  # the test sees the constants


def test_what_a_partner_is_sent_holds_neither_id_nor_digest_of_the_certificate() -> (
    None
):
    token = present(a_reference(), PARTNER_FACTS)
    facts = parse_reference(token).facts
    assert facts.credential_id is None
    assert facts.credential_digest is None
    assert set(ReferenceFacts.model_fields) == LINKABLE_FACTS | PARTNER_FACTS


def test_undisclosed_facts_have_other_digests_at_every_partner() -> None:
    harbour, ridge = (
        set(payload_of(a_reference(partner))["_sd"]) for partner in (HARBOUR, RIDGE)
    )
    assert not harbour & ridge


@pytest.mark.parametrize(
    "facts", [some_facts(), ReferenceFacts(), some_facts(level=None)]
)
def test_the_number_of_digests_does_not_tell_the_number_of_facts(
    facts: ReferenceFacts,
) -> None:
    token = issue_reference(
        some_claims(), facts, key=REFERENCES, salts=some_salts("some")
    )
    digests = payload_of(token)["_sd"]
    assert len(digests) == DIGEST_COUNT
    assert digests == sorted(digests)


def test_times_are_whole_days() -> None:
    payload = payload_of(a_reference())
    assert payload["iat"] == int(TODAY.timestamp())
    assert whole_day(datetime(2026, 5, 14, 23, 59, 59, tzinfo=UTC)) == payload["iat"]


# --- subjects, claims and stops


def test_a_subject_is_the_same_at_one_partner_and_another_at_the_next() -> None:
    secret = random_bytes("node secret", 32)
    here = pairwise_subject(secret, HARBOUR, "learner-7")
    assert here == pairwise_subject(secret, HARBOUR, "learner-7")
    assert len(base64url_decode(here)) == 16
    others = {
        pairwise_subject(secret, RIDGE, "learner-7"),
        pairwise_subject(secret, HARBOUR, "learner-8"),
        pairwise_subject(random_bytes("other", 32), HARBOUR, "learner-7"),
    }
    assert len(others | {here}) == 4


def test_a_claim_matches_its_own_secret_only() -> None:
    commitment = claim_commitment(random_bytes("claim"))
    assert matches_claim(commitment, random_bytes("claim"))
    assert not matches_claim(commitment, random_bytes("another"))
    assert not matches_claim("", random_bytes("claim"))


def test_a_revealed_stop_key_ends_its_own_reference_only() -> None:
    seed = random_bytes("slip")
    first, second = stop_key(seed, "jti-1"), stop_key(seed, "jti-2")
    assert matches_stop(stop_commitment(first), first)
    assert not matches_stop(stop_commitment(first), second)
    assert not matches_stop(stop_commitment(first), seed)
    assert not matches_stop("ä", first)


def test_stop_keys_and_commitments_are_never_equal_across_references() -> None:
    seed = random_bytes("slip")
    keys = {stop_key(seed, f"jti-{number}") for number in range(50)}
    commitments = {stop_commitment(key) for key in keys}
    assert len(keys) == len(commitments) == 50
    assert claim_commitment(seed) not in commitments


@pytest.mark.parametrize(
    "make",
    [
        lambda secret: pairwise_subject(secret, HARBOUR, "x"),
        claim_commitment,
        lambda secret: stop_key(secret, "x"),
    ],
)
def test_secrets_below_128_bits_are_not_used(make: Any) -> None:
    with pytest.raises(ValueError, match="16 bytes"):
        make(bytes(15))


# --- issuing


@pytest.mark.parametrize(
    "changes",
    [
        {"iat": whole_day(NOW) + 60},
        {"exp": whole_day(NOW) + 60},
        {"exp": whole_day(NOW + timedelta(days=91))},
        {"exp": whole_day(NOW)},
        {"status": a_status(1, f"{RIDGE}/api/v1/status-lists/1")},
        {
            "consent": ReferenceConsent(
                id="x", purpose="p", recipient=HARBOUR, expires=NOW + timedelta(days=80)
            )
        },
        {
            "consent": ReferenceConsent(
                id="x",
                purpose="p",
                recipient=HARBOUR,
                expires=TODAY + timedelta(days=59),
            )
        },
    ],
)
def test_claims_that_would_link_or_outlive_are_not_issued(changes: Any) -> None:
    claims = some_claims(**changes)
    with pytest.raises(MalformedError):
        check_claims(claims)
    with pytest.raises(MalformedError):
        issue_reference(claims, some_facts(), key=REFERENCES, salts=some_salts("a"))


def test_a_reference_may_end_with_the_last_day_of_its_consent_and_after_90_days() -> (
    None
):
    end = TODAY + timedelta(days=90)
    consent = some_claims().consent.model_copy(update={"expires": end})
    token = a_reference(consent=consent, exp=whole_day(end))
    assert judge(token).state is ReferenceState.FRESH


@pytest.mark.parametrize(
    "salts",
    [
        some_salts("a")[1:],
        (*some_salts("a")[1:], some_salts("a")[1]),
        (*some_salts("a")[1:], b"short"),
    ],
    ids=["too few", "one twice", "too short"],
)
def test_salts_are_enough_different_and_long(salts: Any) -> None:
    with pytest.raises(ValueError, match="salt"):
        issue_reference(some_claims(), some_facts(), key=REFERENCES, salts=salts)


def test_only_a_p256_key_signs_references() -> None:
    with pytest.raises(ValueError, match="P-256"):
        issue_reference(
            some_claims(), some_facts(), key=CERTIFICATES, salts=some_salts("a")
        )


def test_a_reference_is_parsed_without_being_believed() -> None:
    parsed = parse_reference(re_signed(a_key("stranger", REFERENCES.algorithm)))
    assert parsed.claims == some_claims()


def test_an_oversized_reference_says_so() -> None:
    with pytest.raises(OversizedError):
        parse_reference("~" * (MAX_REFERENCE_CHARACTERS + 1))


def test_nobody_else_makes_a_verified_reference() -> None:
    with pytest.raises(TypeError):
        VerifiedReference(some_claims(), some_facts(), object())


# --- the reference implementation


def test_the_reference_implementation_reads_ours_and_we_read_its() -> None:
    with warnings.catch_warnings():
        # the package and the one below it deprecate parts of themselves on import
        warnings.simplefilter("ignore", DeprecationWarning)
        from jwcrypto import jwk
        from sd_jwt import common, issuer, verifier
    public = REFERENCES.public.jwk()
    private = {**public, "d": base64url_encode(REFERENCES.seed)}

    read = verifier.SDJWTVerifier(
        a_reference(), lambda *_: jwk.JWK(**public)
    ).get_verified_payload()
    assert read["level"] == "EQF 4"
    assert read["credential_id"] == some_facts().credential_id
    assert read["sub"] == some_claims().sub

    members = some_facts().model_dump(mode="json")
    claims = some_claims().model_dump(mode="json")
    hidden = {common.SDObj(name): value for name, value in members.items()}
    theirs = issuer.SDJWTIssuer(
        {**claims, **hidden},
        jwk.JWK(**private),
        extra_header_parameters={
            "typ": "dc+sd-jwt",
            "kid": REFERENCES.public.key_id,
        },
    ).sd_jwt_issuance
    issuer_token, disclosures = split_token(theirs)
    payload = jws.verify(
        jws.parse(issuer_token), typ="dc+sd-jwt", key=REFERENCES.public
    )
    ours = disclosed_payload(parse_json_object(payload), disclosures)
    assert ours == {**claims, **members}
