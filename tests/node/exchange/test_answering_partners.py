"""What a node answers to requests of every kind, and that refusals leave nothing behind."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.accounts import service as accounts
from interurban_node.accounts.rules import Role
from interurban_node.audit.models import EvidenceRow, UsageRow
from interurban_node.audit.service import Grade, Use, UseKind, record_use
from interurban_node.core.context import Node
from interurban_node.core.observability import JsonLines
from interurban_node.exchange import service
from interurban_node.partners import service as partners
from interurban_node.partners.authentication import VerifiedRequest
from interurban_protocol.agreements import Suspension
from interurban_protocol.http_messages import HttpRequest
from interurban_protocol.messages import write_message
from interurban_protocol.problems import URN_PREFIX
from interurban_protocol.signed_documents import Signer, start_document
from tests.support.counting import PUBLICATION
from tests.support.databases import fresh_postgresql_database
from tests.support.federation import (
    Rows,
    agreed,
    check_answer,
    evidence_problems,
    released,
    request_to,
    rows,
    send,
    signed_by,
    suspend,
)
from tests.support.nodes import Federation, opened_federation


@dataclass
class Exchanging:
    """Three cities with an agreement and a published release of Lakeside; two more met."""

    federation: Federation
    agreement_id: str
    release_id: str

    @property
    def lakeside(self) -> Node:
        return self.federation.nodes["lakeside"]

    @property
    def northport(self) -> Node:
        return self.federation.nodes["northport"]

    @property
    def data_path(self) -> str:
        return f"/api/v1/releases/{self.release_id}/data"

    def ask(self, request: HttpRequest) -> httpx.Response:
        return send(self.federation, "lakeside", request)

    def signed(
        self,
        method: str = "GET",
        path: str = "",
        body: bytes = b"",
        by: str = "northport",
    ) -> HttpRequest:
        request = request_to(self.lakeside, method, path or self.data_path, body)
        return signed_by(self.federation.nodes[by], request, self.federation.clock.now)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def cities(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Exchanging]:
    url = fresh_postgresql_database() if request.param == "postgresql" else ""
    for federation in opened_federation(tmp_path_factory.mktemp("exchanging")):
        for name in ("lakeside", "northport", "eastvale"):
            federation.add(name, database_url=url if name == "lakeside" else "")
        agreement_id = agreed(federation)
        release_id = released(federation)
        federation.add("westfield")
        federation.join("lakeside", "westfield")  # a partner outside the agreement
        meet(federation, "lakeside", "stranger")  # met, its words not confirmed
        federation.clock.now = PUBLICATION + timedelta(hours=1)
        yield Exchanging(federation, agreement_id, release_id)


def meet(federation: Federation, inviter: str, joiner: str) -> None:
    federation.add(joiner)
    node = federation.nodes[inviter]
    with node.database.transaction() as session:
        link = partners.invite(session, node, federation.clock.now).link
    partners.join(federation.nodes[joiner], link, federation.clock.now)


def slug(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    found: str = answer.json()["type"]
    assert answer.json()["next_step"]
    return found.removeprefix(URN_PREFIX)


def unsigned(cities: Exchanging) -> HttpRequest:
    return request_to(cities.lakeside, "GET", cities.data_path)


def forged(cities: Exchanging) -> HttpRequest:
    request = cities.signed()
    return request.with_headers({"signature": f"sig1=:{'A' * 86}==:"})


def by_nobody(cities: Exchanging) -> HttpRequest:
    federation = cities.federation
    if "nobody" not in federation.nodes:
        federation.add("nobody")
    return cities.signed(by="nobody")


def with_the_wrong_key(cities: Exchanging) -> HttpRequest:
    node = cities.northport
    return signed_by(
        node, unsigned(cities), cities.federation.clock.now, key=node.keys.documents
    )


def expired(cities: Exchanging) -> HttpRequest:
    early = cities.federation.clock.now - timedelta(seconds=130)
    return signed_by(cities.northport, unsigned(cities), early)


def from_the_future(cities: Exchanging) -> HttpRequest:
    late = cities.federation.clock.now + timedelta(seconds=61)
    return signed_by(cities.northport, unsigned(cities), late)


def for_another_host(cities: Exchanging) -> HttpRequest:
    request = request_to(
        cities.federation.nodes["eastvale"],
        "GET",
        cities.data_path,
        host="eastvale.example",
    )
    return signed_by(cities.northport, request, cities.federation.clock.now)


def for_another_path(cities: Exchanging) -> HttpRequest:
    request = cities.signed(path="/api/v1/releases")
    return replace(request, target_uri=cities.lakeside.origin + cities.data_path)


def with_a_query_added(cities: Exchanging) -> HttpRequest:
    request = cities.signed(path="/api/v1/releases")
    return replace(request, target_uri=request.target_uri + "?after=5")


def with_a_query_hidden_behind_a_fragment(cities: Exchanging) -> HttpRequest:
    request = cities.signed(path="/api/v1/structures/%23x")
    return replace(request, target_uri=request.target_uri + "?after=5")


def with_another_body(cities: Exchanging) -> HttpRequest:
    request = cities.signed("PUT", "/api/v1/messages/1", b"{}")
    return replace(request, body=b'{"a":1}')


def oversized(cities: Exchanging) -> HttpRequest:
    return cities.signed("PUT", "/api/v1/messages/1", b"x" * 1_000_001)


def with_a_zero(cities: Exchanging) -> HttpRequest:
    return cities.signed(path="/api/v1/structures/a%00b")


def with_a_wrong_parameter(cities: Exchanging) -> HttpRequest:
    return cities.signed(path="/api/v1/releases?after=many")


UNKNOWN: dict[str, tuple[Callable[[Exchanging], HttpRequest], int, str]] = {
    "unsigned": (unsigned, 401, "unsigned"),
    "wrongly signed": (forged, 401, "signature-invalid"),
    "by nobody we know": (by_nobody, 401, "key-unknown"),
    "by a partner that is not confirmed": (
        lambda c: c.signed(by="stranger"),
        401,
        "key-unknown",
    ),
    "with a key of another purpose": (with_the_wrong_key, 401, "key-not-valid"),
    "expired": (expired, 401, "expired"),
    "from the future": (from_the_future, 401, "not-yet-valid"),
    "for another host": (for_another_host, 421, "wrong-target"),
    "for another path": (for_another_path, 401, "signature-invalid"),
    "with a query added": (with_a_query_added, 401, "signature-invalid"),
    "with a hidden query": (
        with_a_query_hidden_behind_a_fragment,
        401,
        "signature-invalid",
    ),
    "with another body": (with_another_body, 400, "digest-mismatch"),
    "with an oversized body": (oversized, 413, "oversized"),
    "with a zero in the path": (with_a_zero, 400, "malformed"),
    "with a wrong parameter": (with_a_wrong_parameter, 400, "malformed"),
}


@pytest.mark.parametrize("how", UNKNOWN)
def test_a_request_that_proves_nothing_is_refused_and_leaves_no_row(
    cities: Exchanging, how: str
):
    make, status, expected = UNKNOWN[how]
    request = make(cities)
    before = rows(cities.lakeside)
    answer = cities.ask(request)
    assert (answer.status_code, slug(answer)) == (status, expected)
    assert "signature" not in answer.headers
    assert rows(cities.lakeside) == before


def test_a_nonce_is_accepted_once(cities: Exchanging):
    request = cities.signed()
    assert cities.ask(request).status_code == 200
    before = rows(cities.lakeside)
    answer = cities.ask(request)
    assert (answer.status_code, slug(answer)) == (409, "replayed")
    assert rows(cities.lakeside) == before


def message_path(number: int) -> str:
    return f"/api/v1/messages/00000000-0000-7000-8000-{number:012}"


REFUSED: dict[str, tuple[Callable[[Exchanging], HttpRequest], int, str]] = {
    "malformed body": (
        lambda c: c.signed("PUT", message_path(1), b"not json"),
        400,
        "malformed",
    ),
    "unknown kind of message": (
        lambda c: c.signed(
            "PUT",
            message_path(2),
            b'{"attachments":[],"document":{},"kind":"learner-record"}',
        ),
        422,
        "unsupported",
    ),
    "a document that is none": (
        lambda c: c.signed("PUT", message_path(3), write_message("agreement", b"{}")),
        400,
        "malformed",
    ),
    "a message id that is too long": (
        lambda c: c.signed("PUT", "/api/v1/messages/" + "a" * 65, b"{}"),
        400,
        "malformed",
    ),
    "a message id with other characters": (
        lambda c: c.signed("PUT", f"{message_path(4)}%C3%A9", b"{}"),
        400,
        "malformed",
    ),
    "a release that there is not": (
        lambda c: c.signed(path=f"/api/v1/releases/sha256:{'0' * 64}/data"),
        404,
        "not-found",
    ),
    "a release that is not for the asker": (
        lambda c: c.signed(by="westfield"),
        403,
        "outside-agreement",
    ),
    "a manifest that is not for the asker": (
        lambda c: c.signed(
            path=f"/api/v1/releases/{c.release_id}/manifest", by="westfield"
        ),
        403,
        "outside-agreement",
    ),
    "another's status list": (
        lambda c: c.signed(path="/api/v1/status-lists/northport-1"),
        404,
        "not-found",
    ),
    "a structure that there is not": (
        lambda c: c.signed(path="/api/v1/structures/none"),
        404,
        "not-found",
    ),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_partner_is_refused_with_a_signed_reason_and_no_use_is_logged(
    cities: Exchanging, how: str
):
    make, status, expected = REFUSED[how]
    request = make(cities)
    before = rows(cities.lakeside)
    answer = cities.ask(request)
    assert (answer.status_code, slug(answer)) == (status, expected)
    check_answer(cities.lakeside, request, answer, cities.federation.clock.now)
    after = rows(cities.lakeside)
    assert after == Rows(before.uses, before.evidence + 1, before.nonces + 1)


def test_the_release_is_refused_before_its_publication(cities: Exchanging):
    clock = cities.federation.clock
    kept, clock.now = clock.now, PUBLICATION - timedelta(seconds=1)
    try:
        before = rows(cities.lakeside).uses
        answer = cities.ask(cities.signed())
    finally:
        clock.now = kept
    assert (answer.status_code, slug(answer)) == (403, "not-published")
    assert rows(cities.lakeside).uses == before


def test_the_release_is_refused_after_a_suspension_and_given_again_after_it(
    cities: Exchanging,
):
    suspend(cities.federation, "lakeside", cities.agreement_id, "northport")
    before = rows(cities.lakeside).uses
    answer = cities.ask(cities.signed())
    assert (answer.status_code, slug(answer)) == (403, "suspended")
    assert rows(cities.lakeside).uses == before
    assert cities.ask(cities.signed(by="eastvale")).status_code == 200
    suspend(
        cities.federation,
        "lakeside",
        cities.agreement_id,
        "northport",
        suspended=False,
    )
    assert cities.ask(cities.signed()).status_code == 200


def test_a_release_is_sent_signed_logged_and_kept_as_evidence(cities: Exchanging):
    before, request = rows(cities.lakeside), cities.signed()
    answer = cities.ask(request)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "private, no-store, no-transform"
    assert "content-encoding" not in answer.headers
    check_answer(cities.lakeside, request, answer, cities.federation.clock.now)
    assert rows(cities.lakeside) == Rows(
        before.uses + 1, before.evidence + 1, before.nonces + 1
    )
    with cities.lakeside.database.transaction() as session:
        use = session.scalars(sa.select(UsageRow).order_by(UsageRow.id.desc())).first()
    assert use is not None
    assert (use.recipient, use.release_id, use.grade, use.agreement) == (
        cities.northport.origin,
        cities.release_id,
        "countersigned",
        cities.agreement_id,
    )


def test_every_recipient_gets_the_same_bytes(cities: Exchanging):
    answers = [cities.ask(cities.signed(by=who)) for who in ("northport", "eastvale")]
    assert answers[0].content == answers[1].content


def test_only_recipients_see_a_release_in_their_list(cities: Exchanging):
    def listed(by: str) -> list[str]:
        answer = cities.ask(cities.signed(path="/api/v1/releases", by=by))
        return [entry["id"] for entry in answer.json()["releases"]]

    assert listed("northport") == [cities.release_id]
    assert listed("westfield") == []


@contextmanager
def suspended_towards(cities: Exchanging, name: str) -> Iterator[None]:
    suspend(cities.federation, "lakeside", cities.agreement_id, name)
    try:
        yield
    finally:
        suspend(
            cities.federation,
            "lakeside",
            cities.agreement_id,
            name,
            suspended=False,
        )


def test_a_suspended_partner_does_not_see_the_list(cities: Exchanging):
    with suspended_towards(cities, "northport"):
        answer = cities.ask(cities.signed(path="/api/v1/releases"))
        other = cities.ask(cities.signed(path="/api/v1/releases", by="eastvale"))
    assert (answer.status_code, slug(answer)) == (403, "suspended")
    assert cities.release_id.encode() not in answer.content
    assert [entry["id"] for entry in other.json()["releases"]] == [cities.release_id]


def test_the_list_ends_before_what_is_not_published_yet(cities: Exchanging):
    clock = cities.federation.clock
    kept, clock.now = clock.now, PUBLICATION - timedelta(seconds=1)
    try:
        answer = cities.ask(cities.signed(path="/api/v1/releases"))
    finally:
        clock.now = kept
    assert answer.json() == {"releases": []}


def test_the_list_leaves_out_what_no_agreement_covers_any_more(cities: Exchanging):
    clock = cities.federation.clock
    kept, clock.now = clock.now, clock.now + timedelta(days=400)
    try:
        answer = cities.ask(cities.signed(path="/api/v1/releases"))
    finally:
        clock.now = kept
    assert (answer.status_code, answer.json()) == (200, {"releases": []})


def test_a_release_has_two_parts_and_no_third(cities: Exchanging):
    path = f"/api/v1/releases/{cities.release_id}/base-cells"
    request = cities.signed(path=path)
    answer = cities.ask(request)
    assert (answer.status_code, slug(answer)) == (404, "not-found")
    check_answer(cities.lakeside, request, answer, cities.federation.clock.now)
    bearer = with_token(cities, path, token(cities, Role.SERVICE))
    assert (bearer.status_code, slug(bearer)) == (404, "not-found")


def knowing(request: HttpRequest, tags: str) -> HttpRequest:
    """The request under a condition, which its signature does not cover."""
    return request.with_headers({"if-none-match": tags})


@pytest.mark.parametrize("part", ["manifest", "data"])
@pytest.mark.parametrize("form", ["{}", "W/{}", '"other", {}', "*"])
def test_what_is_held_already_is_not_sent_again_and_the_answer_is_signed(
    cities: Exchanging, part: str, form: str
):
    path = f"/api/v1/releases/{cities.release_id}/{part}"
    tag = cities.ask(cities.signed(path=path)).headers["etag"]
    before = rows(cities.lakeside)
    request = knowing(cities.signed(path=path), form.format(tag))
    answer = cities.ask(request)
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == tag
    check_answer(cities.lakeside, request, answer, cities.federation.clock.now)
    assert rows(cities.lakeside) == Rows(
        before.uses, before.evidence + 1, before.nonces + 1
    )
    assert evidence_problems(cities.lakeside)[-1] is None


@pytest.mark.parametrize("tags", ["", '"other"', "sha256:", '"*"', "W/", ",,"])
def test_a_reader_that_holds_something_else_gets_the_bytes_and_a_row(
    cities: Exchanging, tags: str
):
    before = rows(cities.lakeside).uses
    answer = cities.ask(knowing(cities.signed(), tags))
    assert answer.status_code == 200
    assert answer.content
    assert rows(cities.lakeside).uses == before + 1


def test_a_suspended_partner_is_not_even_told_that_nothing_changed(cities: Exchanging):
    with suspended_towards(cities, "northport"):
        answer = cities.ask(knowing(cities.signed(), "*"))
    assert (answer.status_code, slug(answer)) == (403, "suspended")
    outside = cities.ask(knowing(cities.signed(by="westfield"), "*"))
    assert slug(outside) == "outside-agreement"


def test_a_token_s_reader_that_holds_the_release_gets_304_and_no_row(
    cities: Exchanging,
):
    bearer = token(cities, Role.SERVICE)
    first = with_token(cities, cities.data_path, bearer)
    before = rows(cities.lakeside)
    request = request_to(
        cities.lakeside, "GET", cities.data_path, authorization=f"Bearer {bearer}"
    )
    answer = cities.ask(knowing(request, first.headers["etag"]))
    assert (answer.status_code, answer.content) == (304, b"")
    assert rows(cities.lakeside) == before


def suspension(cities: Exchanging, *, suspended: bool) -> bytes:
    node = cities.northport
    notice = Suspension(
        signers=(Signer(node=node.origin, key_id=node.keys.documents.public.key_id),),
        agreement=cities.agreement_id,
        by=node.origin,
        towards=cities.lakeside.origin,
        suspended=suspended,
        reason="",
        at=cities.federation.clock.now,
    )
    return write_message("suspension", start_document(notice, node.keys.documents))


def test_a_repeated_message_gets_the_same_answer_under_a_fresh_signature(
    cities: Exchanging,
):
    body = suspension(cities, suspended=False)
    requests = [cities.signed("PUT", message_path(100), body) for _ in range(2)]
    answers = [cities.ask(request) for request in requests]
    assert answers[0].status_code == answers[1].status_code == 200
    assert answers[0].content == answers[1].content
    assert answers[0].headers["signature"] != answers[1].headers["signature"]
    for request, answer in zip(requests, answers, strict=True):
        check_answer(cities.lakeside, request, answer, cities.federation.clock.now)


def test_a_message_id_stands_for_one_content(cities: Exchanging):
    bodies = [suspension(cities, suspended=False), suspension(cities, suspended=True)]
    answers = [
        cities.ask(cities.signed("PUT", message_path(101), body)) for body in bodies
    ]
    assert answers[0].status_code == 200
    assert (answers[1].status_code, slug(answers[1])) == (409, "message-conflict")


def test_two_partners_may_use_the_same_message_id(cities: Exchanging):
    path, body = message_path(102), suspension(cities, suspended=False)
    assert cities.ask(cities.signed("PUT", path, body)).status_code == 200
    answer = cities.ask(cities.signed("PUT", path, body, by="eastvale"))
    assert slug(answer) == "wrong-target"  # looked at, not taken for the other's


def token(cities: Exchanging, role: Role) -> str:
    with cities.lakeside.database.transaction() as session:
        return accounts.mint_token(
            session,
            cities.lakeside,
            role,
            "a test",
            cities.federation.clock.now,
            timedelta(hours=1),
        )


def with_token(cities: Exchanging, path: str, bearer: str) -> httpx.Response:
    request = request_to(cities.lakeside, "GET", path, authorization=f"Bearer {bearer}")
    return cities.ask(request)


@pytest.mark.parametrize(
    "role",
    [Role.ADAPTER_OWNER, Role.CONSENT_STEWARD, Role.PUBLISHER],
)
@pytest.mark.parametrize("path", ["data", "list"])
def test_a_token_whose_role_may_not_read_gets_nothing(
    cities: Exchanging, role: Role, path: str
):
    bearer = token(cities, role)
    before = rows(cities.lakeside)
    where = cities.data_path if path == "data" else "/api/v1/releases"
    answer = with_token(cities, where, bearer)
    assert (answer.status_code, slug(answer)) == (401, "not-signed-in")
    assert rows(cities.lakeside) == before


@pytest.mark.parametrize("bearer", ["wrong", "é", "a" * 5000])
def test_a_wrong_token_gets_nothing(cities: Exchanging, bearer: str):
    before = rows(cities.lakeside)
    request = request_to(cities.lakeside, "GET", cities.data_path)
    answer = cities.federation.web("lakeside").get(
        request.target_uri, headers={b"authorization": b"Bearer " + bearer.encode()}
    )
    assert (answer.status_code, slug(answer)) == (401, "not-signed-in")
    assert rows(cities.lakeside) == before


def test_a_token_of_an_hour_ago_gets_nothing(cities: Exchanging):
    bearer = token(cities, Role.SERVICE)
    clock = cities.federation.clock
    kept = clock.now
    clock.advance(hours=2)
    try:
        answer = with_token(cities, cities.data_path, bearer)
    finally:
        clock.now = kept
    assert slug(answer) == "not-signed-in"


@pytest.mark.parametrize("role", [Role.SERVICE, Role.COMMITTEE_MEMBER, Role.AUDITOR])
def test_a_token_of_a_reader_gets_the_same_bytes_and_a_row_of_lower_grade(
    cities: Exchanging, role: Role
):
    before = rows(cities.lakeside)
    answer = with_token(cities, cities.data_path, token(cities, role))
    assert answer.status_code == 200
    assert rows(cities.lakeside) == Rows(
        before.uses + 1, before.evidence, before.nonces
    )
    with cities.lakeside.database.transaction() as session:
        use = session.scalars(sa.select(UsageRow).order_by(UsageRow.id.desc())).first()
    assert use is not None
    assert use.grade == "bearer"
    assert answer.content == cities.ask(cities.signed()).content


def test_when_the_answer_cannot_be_signed_nothing_is_sent_or_logged(cities: Exchanging):
    """The signature is made last, in the same transaction as the log row."""
    node = cities.lakeside
    broken = replace(node, keys=replace(node.keys, exchange=node.keys.references))
    before = rows(node)
    request, now = cities.signed(), cities.federation.clock.now
    use = Use(
        kind=UseKind.RELEASE_SENT,
        purpose="p",
        recipient=cities.northport.origin,
        grade=Grade.COUNTERSIGNED,
    )

    def work(session: Session, verified: VerifiedRequest) -> service.Answer:
        del verified
        record_use(session, use, now)
        return service.Answer(200, "text/plain", b"secret")

    with pytest.raises(ValueError, match="Ed25519"):
        service.answer_partner(broken, request, work, now)
    assert rows(node) == before


def test_both_sides_can_prove_what_was_exchanged(cities: Exchanging):
    cities.federation.clock.advance(minutes=5)
    summary = service.pull(cities.northport, cities.lakeside.origin)
    assert summary.new in ((cities.release_id,), ())
    for node in (cities.lakeside, cities.northport):
        found = evidence_problems(node)
        assert found
        assert set(found) == {None}


COLUMNS = (
    "at",
    "direction",
    "partner",
    "method",
    "target",
    "request_key_id",
    "request_base",
    "request_signature",
    "status",
    "response_key_id",
    "response_base",
    "response_signature",
)


def test_the_columns_of_these_tests_are_all_that_signatures_can_cover():
    columns = set(EvidenceRow.__table__.columns.keys())
    assert columns - set(COLUMNS) == {"id", "trace_id"}


def altered(value: object) -> object:
    match value:
        case bytes():
            return value[:-3] + bytes([value[-3] ^ 1]) + value[-2:]
        case int():
            return value + 1
        case str():
            return {"answered": "asked", "asked": "answered"}.get(
                value, value[:-1] + chr(ord(value[-1]) ^ 1)
            )
        case _:
            return value + timedelta(seconds=1)


@pytest.mark.parametrize("side", ["lakeside", "northport"])
@pytest.mark.parametrize("column", COLUMNS)
def test_a_changed_column_of_the_evidence_is_found(
    cities: Exchanging, column: str, side: str
):
    if side == "northport":
        service.pull(cities.northport, cities.lakeside.origin)
    else:
        cities.ask(cities.signed())
    node = cities.federation.nodes[side]
    with node.database.transaction() as session:
        row = session.scalars(
            sa.select(EvidenceRow).order_by(EvidenceRow.id.desc())
        ).first()
        assert row is not None
        number, original = row.id, getattr(row, column)
        setattr(row, column, altered(original))
    found = evidence_problems(node)
    with node.database.transaction() as session:
        setattr(session.get_one(EvidenceRow, number), column, original)
    assert [problem for problem in found if problem] == [found[-1]]
    assert set(evidence_problems(node)) == {None}


def test_a_partner_that_labels_its_signature_otherwise_spoils_no_evidence(
    cities: Exchanging,
):
    request = cities.signed()
    renamed = request.with_headers(
        {
            name: "x1" + request.headers[name].removeprefix("sig1")
            for name in ("signature", "signature-input")
        }
    )
    assert cities.ask(renamed).status_code == 200
    assert evidence_problems(cities.lakeside)[-1] is None


def test_one_trace_covers_both_cities(cities: Exchanging):
    service.pull(cities.northport, cities.lakeside.origin)
    traces = []
    for node in (cities.northport, cities.lakeside):
        with node.database.transaction() as session:
            traces.append(
                session.scalars(
                    sa.select(EvidenceRow.trace_id).order_by(EvidenceRow.id.desc())
                ).first()
            )
    assert traces[0] == traces[1]
    assert len(traces[0] or "") == 32


def test_the_log_has_no_word_of_what_a_stranger_sends(
    cities: Exchanging, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    name = "Amal-Haddad-1999"
    for request in (
        request_to(cities.lakeside, "GET", f"/api/v1/releases/{name}/data"),
        cities.signed(path=f"/api/v1/structures/{name}"),
        cities.signed("PUT", f"/api/v1/messages/{name}", name.encode()),
    ):
        cities.ask(request)
    written = [JsonLines().format(record) for record in caplog.records]
    assert any('"refused"' in line for line in written)
    assert not any(name in line for line in written)
