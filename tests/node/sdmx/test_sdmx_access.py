"""Who sees what: by token, by signature, or as anybody; and what nobody can find out."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace

import pytest

from interurban_node.accounts.rules import ATTEMPTS_PER_SOURCE, Role
from interurban_node.audit.service import Grade, UseKind
from interurban_node.policy import tokens
from interurban_protocol.structures import Structure
from tests.support.counting import CITIES, NEXT_PERIOD, a_small_structure
from tests.support.federation import check_answer, request_to, signed_by, suspend
from tests.support.nodes import Federation
from tests.support.sdmx import (
    CSV_2,
    FLOW,
    JSON,
    Service,
    a_cohort_structure,
    a_federation,
    a_service,
)

DATA = f"data/dataflow/{FLOW}"


@pytest.fixture
def service(federation: Federation) -> Service:
    return a_service(federation)


def flows(service: Service, base: str = "/sdmx/2", **asked: str) -> set[str]:
    answer = service.get(f"{base}/structure/dataflow", JSON, **asked)
    if answer.status_code == 404:
        return set()
    return {each["id"] for each in json.loads(answer.content)["data"]["dataflows"]}


def a_third() -> Structure:
    return replace(a_small_structure(), id="CREDENTIALS", event="certificate.awarded")


# --- what each caller sees


def test_a_recipients_token_shows_what_the_release_names_it_for(service: Service):
    service.issue(structure=a_cohort_structure(), recipients=[CITIES[2]])
    assert flows(service, token=service.token(CITIES[1])) == {"COMPLETION"}
    assert flows(service, token=service.token(CITIES[2])) == {"COMPLETION", "JOBS"}


def test_the_public_sees_only_what_names_the_public(service: Service):
    assert flows(service, "/public/sdmx/2") == set()
    service.issue(structure=a_cohort_structure(), is_public=True)
    service.federation.clock.advance(seconds=6)
    assert flows(service, "/public/sdmx/2") == {"JOBS"}


def test_the_own_committee_sees_own_and_pulled_releases(service: Service):
    service.pull("northport", a_cohort_structure())
    assert flows(service, token=service.staff_token()) == {"COMPLETION", "JOBS"}
    assert flows(service, token=service.token()) == {"COMPLETION"}
    service.pull("eastvale", a_small_structure())
    found = service.get(f"/sdmx/2/{DATA}", CSV_2, service.staff_token()).text
    assert "lakeside-example" in found
    assert "eastvale-example" in found
    assert "eastvale" not in service.get(f"/sdmx/2/{DATA}", CSV_2, service.token()).text


def test_a_pulled_release_is_never_passed_on(service: Service):
    service.pull("northport", a_cohort_structure(), recipients=[*CITIES, "public"])
    assert flows(service, token=service.token(CITIES[2])) == {"COMPLETION"}
    assert flows(service, "/public/sdmx/2") == set()
    assert "JOBS" in flows(service, token=service.staff_token())


@pytest.mark.parametrize("role", Role)
def test_only_roles_that_read_releases_do(lakeside: Service, role: Role):
    answer = lakeside.get(f"/sdmx/2/{DATA}", CSV_2, lakeside.staff_token(role))
    reads = {Role.COMMITTEE_MEMBER, Role.PUBLISHER, Role.AUDITOR, Role.SERVICE}
    assert answer.status_code == (200 if role in reads else 401)


def test_nobody_sees_a_release_before_its_publication(service: Service):
    service.issue(structure=a_third(), period=NEXT_PERIOD, is_public=True)
    ahead = {"CREDENTIALS"}
    for asked in ({"token": service.token()}, {"token": service.staff_token()}):
        assert not flows(service, **asked) & ahead
    assert not flows(service, "/public/sdmx/2") & ahead
    service.federation.clock.advance(days=120)
    assert flows(service, "/public/sdmx/2") == ahead


def test_a_revision_stands_in_the_place_of_what_it_replaces(service: Service):
    second = service.issue(revision=1, replaces=service.release_id, seed=9)
    answer = service.get(f"/sdmx/2/{DATA}", CSV_2, service.token())
    assert second in answer.text
    assert service.release_id not in answer.text


# --- tokens


def test_a_token_is_also_a_password(service: Service):
    token = service.token()
    for text in (f"anything:{token}", f"{token}:"):
        basic = "Basic " + b64encode(text.encode()).decode()
        answer = service.get(f"/sdmx/2/{DATA}", CSV_2, authorization=basic)
        assert answer.status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic",
        "Basic !!!",
        "Basic Og==",
        "Digest x",
        "Bearer x y",
    ],
)
def test_without_a_token_there_is_a_challenge(lakeside: Service, authorization: str):
    lakeside.federation.clock.advance(minutes=16)  # earlier guesses are forgotten
    answer = lakeside.get(f"/sdmx/2/{DATA}", CSV_2, authorization=authorization)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert "Basic" in answer.headers["www-authenticate"]
    assert answer.headers["cache-control"] == "no-store"


def test_unknown_expired_and_revoked_tokens_get_the_same_answer(service: Service):
    expired, revoked = service.token(days=1), service.token(days=30)
    with service.node.database.transaction() as session:
        newest = max(tokens.tokens(session), key=lambda each: each.expires_at)
        tokens.revoke(
            session, service.node, newest.token_id, service.federation.clock.now
        )
    service.federation.clock.advance(days=1)
    answers = [
        service.get(f"/sdmx/2/{DATA}", CSV_2, token)
        for token in (tokens.PREFIX + "guess", expired, revoked)
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1


def test_guessing_is_slowed_down_for_tokens_too(service: Service):
    good = service.token()
    for _ in range(ATTEMPTS_PER_SOURCE):
        assert service.get(f"/sdmx/2/{DATA}", token="sdmx-guess").status_code == 401
    assert service.get(f"/sdmx/2/{DATA}", token="sdmx-guess").status_code == 429
    assert service.get(f"/sdmx/2/{DATA}", token=good).status_code == 429
    assert service.get("/catalog", token="sdmx-guess").status_code == 429
    service.federation.clock.advance(minutes=16)
    assert service.get(f"/sdmx/2/{DATA}", token=good).status_code == 200


def test_a_token_ends_with_its_agreement(service: Service):
    token = service.token(days=366)
    service.federation.clock.advance(days=364)
    assert flows(service, token=token) == set()
    answer = service.get(f"/sdmx/2/{DATA}", CSV_2, token)
    assert answer.status_code == 404


def test_a_suspension_stops_a_token_at_once_and_no_other(service: Service):
    northport, eastvale = service.token(CITIES[1]), service.token(CITIES[2])
    suspend(service.federation, "lakeside", service.agreement_id, "northport")
    assert flows(service, token=northport) == set()
    assert flows(service, token=eastvale) == {"COMPLETION"}


def test_a_known_tag_does_not_help_who_may_no_longer_see(service: Service):
    token = service.token()
    tag = service.get(f"/sdmx/2/{DATA}", CSV_2, token).headers["etag"]
    again = {"if-none-match": tag}
    assert service.get(f"/sdmx/2/{DATA}", CSV_2, token, **again).status_code == 304
    suspend(service.federation, "lakeside", service.agreement_id, "northport")
    assert service.get(f"/sdmx/2/{DATA}", CSV_2, token, **again).status_code == 404


# --- nothing is revealed


HIDDEN_PATHS = [
    "data/dataflow/INTERURBAN/{}/1.0.0",
    "data/dataflow/INTERURBAN/{}/1.0.0/*.P1?c[SEX]=F",
    "data/dataflow/INTERURBAN/{}/1.0.0?c[COLOUR]=RED",
    "data/dataflow/INTERURBAN/{}/1.0.0/a.b.c.d.e.f.g.h.i.j",
    "data/dataflow/INTERURBAN/{}?dimensionAtObservation=COLOUR",
    "structure/dataflow/INTERURBAN/{}",
    "structure/datastructure/INTERURBAN/{}/1.0.0?references=all",
    "structure/conceptscheme/INTERURBAN/CS_{}",
    "structure/dataconstraint/INTERURBAN/CR_{}",
    "availability/dataflow/INTERURBAN/{}/1.0.0?references=all",
    "schema/dataflow/INTERURBAN/{}/1.0.0",
]


@pytest.fixture(scope="module")
def secretive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """JOBS is for Eastvale alone, and CREDENTIALS are published later."""
    federation = a_federation(tmp_path_factory.mktemp("secretive"))
    try:
        service = a_service(federation)
        service.issue(structure=a_cohort_structure(), recipients=[CITIES[2]])
        service.issue(structure=a_third(), period=NEXT_PERIOD)
        yield service
    finally:
        federation.close()


@pytest.mark.parametrize("path", HIDDEN_PATHS)
def test_unknown_unpublished_and_not_yours_are_the_same_bytes(
    secretive: Service, path: str
):
    service = secretive
    token = service.token(CITIES[1])
    for base, asked in (("/sdmx/2", {"token": token}), ("/public/sdmx/2", {})):
        answers = [
            service.get(
                f"{base}/{path.format(name)}",
                JSON if "data/" not in path else CSV_2,
                **asked,
            )
            for name in ("JOBS", "CREDENTIALS", "NOTHING")
        ]
        assert {answer.status_code for answer in answers} == {404}
        assert len({answer.content for answer in answers}) == 1
        assert len({tuple(sorted(answer.headers.items())) for answer in answers}) == 1


def test_lists_and_the_catalogue_do_not_name_what_is_hidden(secretive: Service):
    service, token = secretive, secretive.token(CITIES[1])
    for path in (
        "/sdmx/2/structure/*/*/*/*?references=all",
        "/sdmx/1/structure/all/all/all?references=all",
        "/sdmx/2/structure/codelist",
        "/catalog",
    ):
        answer = service.get(path, "", token)
        assert answer.status_code == 200
        assert b"JOBS" not in answer.content
        assert b"F1" not in answer.content


# --- every answer is logged


def sent(service: Service) -> list[tuple[str, str, str]]:
    return [
        (row.recipient, row.grade, row.release_id or "")
        for row in service.uses()
        if row.kind == UseKind.RELEASE_SENT
    ]


def test_each_data_answer_writes_one_row_for_each_release(service: Service):
    other = service.pull("eastvale", a_small_structure())
    token, staff = service.token(), service.staff_token()
    for _ in range(2):  # the second comes from memory
        service.get(f"/sdmx/2/{DATA}", CSV_2, token)
    own = (CITIES[1], Grade.BEARER, service.release_id)
    assert sent(service) == [own, own]
    service.get(f"/sdmx/2/{DATA}", CSV_2, staff)
    assert {*sent(service)[2:]} == {
        (CITIES[0], Grade.BEARER, service.release_id),
        (CITIES[0], Grade.BEARER, other),
    }


def test_only_releases_that_can_have_a_cell_are_read_and_logged(service: Service):
    service.pull("eastvale", a_small_structure())
    path = f"/sdmx/2/{DATA}/eastvale-example"
    assert service.get(path, CSV_2, service.staff_token()).status_code == 200
    assert service.release_id not in [row[2] for row in sent(service)]


def test_finding_nothing_by_looking_at_figures_is_logged_too(service: Service):
    path = f"/sdmx/2/{DATA}?c[OBS_VALUE]=ge:100000"
    assert service.get(path, CSV_2, service.token()).status_code == 404
    assert len(sent(service)) == 1


def test_structures_availability_and_not_changed_send_nothing(service: Service):
    token = service.token()
    tag = service.get(f"/sdmx/2/{DATA}", CSV_2, token).headers["etag"]
    before = sent(service)
    for path in (
        "structure/dataflow?references=all",
        f"availability/dataflow/{FLOW}?references=all",
        f"schema/dataflow/{FLOW}",
    ):
        assert service.get(f"/sdmx/2/{path}", JSON, token).status_code == 200
    answer = service.get(f"/sdmx/2/{DATA}", CSV_2, token, **{"if-none-match": tag})
    assert (answer.status_code, answer.content) == (304, b"")
    assert sent(service) == before


def test_a_publication_is_logged_once(service: Service):
    released = service.issue(structure=a_cohort_structure(), is_public=True)
    path = "/public/sdmx/2/data/dataflow/INTERURBAN/JOBS/1.0.0"
    for query in ("", "?c[SEX]=F", "?c[SEX]=M", ""):
        assert service.get(path + query, CSV_2).status_code == 200
        service.federation.clock.advance(seconds=10)
    assert sent(service) == [("public", Grade.OWN, released)]


def test_nothing_is_served_while_the_node_recovers(service: Service):
    token = service.token()
    journal = service.node.home.journal_file
    text = journal.read_bytes()
    with service.node.database.transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM journal_known")
    answer = service.get(f"/sdmx/2/{DATA}", CSV_2, token)
    assert (answer.status_code, journal.read_bytes()) == (503, text)


# --- by signature


def test_a_partner_can_ask_with_its_signature(service: Service):
    partner, now = service.federation.nodes["northport"], service.federation.clock.now
    request = signed_by(
        partner, request_to(service.node, "GET", f"/sdmx/2/{DATA}", accept=CSV_2), now
    )
    answer = service.web.get(
        f"/sdmx/2/{DATA}",
        headers={**request.headers, "accept-encoding": "gzip"},
    )
    assert answer.status_code == 200
    check_answer(service.node, request, answer, now)
    assert "content-encoding" not in answer.headers
    assert "private" in answer.headers["cache-control"]
    assert (
        answer.content == service.get(f"/sdmx/2/{DATA}", CSV_2, service.token()).content
    )
    assert sent(service)[0] == (CITIES[1], Grade.COUNTERSIGNED, service.release_id)


def test_a_partner_is_refused_in_the_same_words_and_signed(service: Service):
    partner, now = service.federation.nodes["northport"], service.federation.clock.now
    for path, status in (
        ("/sdmx/2/data/dataflow/INTERURBAN/NOTHING/1.0.0", 404),
        (f"/sdmx/2/{DATA}?asOf=2025", 501),
        ("/sdmx/2/structure/cube", 400),
    ):
        request = signed_by(partner, request_to(service.node, "GET", path), now)
        answer = service.web.get(path, headers=dict(request.headers))
        assert answer.status_code == status
        check_answer(service.node, request, answer, now)
        unsigned = service.get(path, "", service.token())
        assert answer.content == unsigned.content


def test_a_signature_over_another_address_is_refused(service: Service):
    partner, now = service.federation.nodes["northport"], service.federation.clock.now
    request = signed_by(
        partner, request_to(service.node, "GET", "/sdmx/2/structure"), now
    )
    answer = service.web.get(f"/sdmx/2/{DATA}", headers=dict(request.headers))
    assert answer.status_code == 401
    assert sent(service) == []
