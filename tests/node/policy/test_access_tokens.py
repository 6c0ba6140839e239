"""Tokens for a recipient's software, and the decisions for public and pulled releases."""

import json
import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from interurban_node.agreements import service as agreements
from interurban_node.audit.service import Grade
from interurban_node.core.clock import system_clock
from interurban_node.core.context import Node
from interurban_node.core.errors import (
    NotFoundError,
    NotPublishedError,
    NotSignedInError,
    OutsideAgreementError,
    OutsidePlanError,
    RefusedError,
)
from interurban_node.policy import tokens
from interurban_node.policy.models import AccessTokenRow
from interurban_node.policy.rules import (
    ReleaseFacts,
    decide_held_release,
    decide_public_release,
    decide_release,
)
from interurban_node.policy.service import log_publication
from interurban_node.sdmx.commands import app
from tests.support.counting import CITIES, NOW
from tests.support.federation import agreed
from tests.support.nodes import Federation, Moment
from tests.support.sdmx import Service, a_service, with_token_table

LAKESIDE, NORTHPORT, EASTVALE = CITIES
RELEASE = ReleaseFacts(
    release_id="sha256:" + "3" * 64,
    plan_id="sha256:" + "1" * 64,
    purpose="enrolments",
    recipients=(NORTHPORT, "public"),
    publication_at=NOW,
)
EARLY = NOW - timedelta(seconds=1)


@pytest.fixture
def service(federation: Federation) -> Service:
    return a_service(federation)


def test_only_a_hash_of_a_token_is_kept(service: Service):
    token = service.token()
    assert re.fullmatch(r"sdmx-[A-Za-z0-9_-]{43}", token)
    assert tokens.is_access_token(token)
    with service.node.database.transaction() as session:
        (row,) = session.query(AccessTokenRow)
        assert token not in json.dumps(
            {c.key: str(getattr(row, c.key)) for c in row.__table__.columns}
        )
        verified = tokens.verify(
            session, service.node, f" {token} ", service.federation.clock.now
        )
    assert (verified.recipient, verified.agreement_id) == (
        NORTHPORT,
        service.agreement_id,
    )


def test_nobody_else_makes_a_verified_token(service: Service):
    token = service.token()
    with service.node.database.transaction() as session:
        found = tokens.verify(
            session, service.node, token, service.federation.clock.now
        )
    with pytest.raises(TypeError):
        replace(found, _seal=object())


@pytest.mark.parametrize("change", ["", "x", "sdmx-", "sdmx-" + "A" * 43, "\ud800"])
def test_another_text_is_no_token(service: Service, change: str):
    with (
        service.node.database.transaction() as session,
        pytest.raises(NotSignedInError),
    ):
        tokens.verify(session, service.node, change, service.federation.clock.now)


def test_a_token_works_until_the_moment_that_it_expires(service: Service):
    token, clock = service.token(days=2), service.federation.clock
    clock.advance(days=2, seconds=-1)
    with service.node.database.transaction() as session:
        assert tokens.verify(session, service.node, token, clock.now)
        clock.advance(seconds=1)
        with pytest.raises(NotSignedInError):
            tokens.verify(session, service.node, token, clock.now)


def test_revoking_twice_is_revoking_once(service: Service):
    service.token()
    now = service.federation.clock.now
    with service.node.database.transaction() as session:
        (facts,) = tokens.tokens(session)
        assert (
            tokens.revoke(session, service.node, facts.token_id, now).revoked_at == now
        )
        later = tokens.revoke(
            session, service.node, facts.token_id, now + timedelta(days=1)
        )
        assert later.revoked_at == now
        with pytest.raises(NotFoundError):
            tokens.revoke(session, service.node, "nothing", now)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"recipient": "https://elsewhere.example"}, OutsideAgreementError),
        ({"agreement_id": "sha256:" + "0" * 64}, OutsideAgreementError),
        ({"recipient": LAKESIDE}, RefusedError),
        ({"valid_for": timedelta(days=367)}, RefusedError),
        ({"valid_for": timedelta(0)}, RefusedError),
    ],
)
def test_a_token_is_made_only_for_a_party_of_an_agreement_in_force(
    service: Service, changes, error
):
    values = {
        "recipient": NORTHPORT,
        "agreement_id": service.agreement_id,
        "label": "x",
        "now": service.federation.clock.now,
        "valid_for": timedelta(days=1),
    }
    with service.node.database.transaction() as session, pytest.raises(error):
        tokens.mint(session, service.node, **{**values, **changes})


def test_no_token_is_made_once_the_agreement_has_ended(service: Service):
    service.federation.clock.advance(days=400)
    with pytest.raises(OutsideAgreementError):
        service.token()


def test_tokens_are_made_listed_and_revoked_on_the_command_line(tmp_path: Path):
    today = system_clock().replace(microsecond=0)  # as the commands read it
    federation = Federation(tmp_path, clock=Moment(today))
    for name in ("lakeside", "northport", "eastvale"):
        federation.add(name)
    agreement_id = agreed(federation)
    node = federation.nodes["lakeside"]
    with_token_table(node)

    made = run(node, "make", *making(agreement_id), "--days", "30")
    assert made["token"].startswith("sdmx-")
    (facts,) = run(node, "list")
    assert (facts["label"], facts["revoked_at"]) == ("Statistics office", None)
    assert made["token"] not in json.dumps(facts)
    assert run(node, "revoke", facts["token_id"])["revoked_at"]
    assert run(node, "revoke", "nothing", exit_code=1)["status"] == 404
    other = making("sha256:" + "0" * 64)
    assert run(node, "make", *other, exit_code=1)["status"] == 403
    federation.close()


def making(agreement_id: str) -> list[str]:
    return [
        *("--recipient", NORTHPORT, "--agreement", agreement_id),
        *("--label", "Statistics office"),
    ]


def run(node: Node, *words: str, exit_code: int = 0) -> Any:
    home = ["--home", str(node.home.path), "--json"]
    found = CliRunner().invoke(app, ["token", *words, *home])
    assert found.exit_code == exit_code, found.output
    return json.loads(found.stdout)


# --- decisions


def test_what_names_the_public_is_for_everybody():
    permit = decide_public_release(RELEASE, now=NOW)
    assert (permit.recipient, permit.grade) == ("public", Grade.OWN)


@pytest.mark.parametrize(
    ("release", "now", "error"),
    [
        (replace(RELEASE, recipients=(NORTHPORT,)), NOW, OutsidePlanError),
        (replace(RELEASE, held_from=EASTVALE), NOW, OutsidePlanError),
        (RELEASE, EARLY, NotPublishedError),
    ],
)
def test_nothing_else_is_for_everybody(release, now, error):
    with pytest.raises(error) as caught:
        decide_public_release(release, now=now)
    assert type(caught.value) is error


def test_own_and_named_pulled_releases_are_for_the_own_committee():
    pulled = replace(RELEASE, held_from=EASTVALE, recipients=(LAKESIDE,))
    for release in (RELEASE, pulled, replace(RELEASE, held_from=EASTVALE)):
        permit = decide_held_release(release, own_origin=LAKESIDE, now=NOW)
        assert (permit.recipient, permit.grade) == (LAKESIDE, Grade.BEARER)


@pytest.mark.parametrize(
    ("release", "now", "error"),
    [
        (
            replace(RELEASE, held_from=EASTVALE, recipients=(NORTHPORT,)),
            NOW,
            OutsidePlanError,
        ),
        (RELEASE, EARLY, NotPublishedError),
    ],
)
def test_nothing_else_is_for_the_own_committee(release, now, error):
    with pytest.raises(error) as caught:
        decide_held_release(release, own_origin=LAKESIDE, now=now)
    assert type(caught.value) is error


def test_a_pulled_release_is_decided_for_no_partner(service: Service):
    now = service.federation.clock.now
    with service.node.database.transaction() as session:
        in_force = agreements.in_force(session, service.node, now)
    release = replace(RELEASE, plan_id=service.plan_id)
    assert decide_release(release, asker=NORTHPORT, agreements=in_force, now=now)
    with pytest.raises(OutsidePlanError):
        decide_release(
            replace(release, held_from=EASTVALE),
            asker=NORTHPORT,
            agreements=in_force,
            now=now,
        )


def test_a_publication_stands_in_the_log_once(service: Service):
    permit = decide_public_release(RELEASE, now=NOW)
    for _ in range(3):
        with service.node.database.transaction() as session:
            found = log_publication(session, permit, NOW)
        assert found.use.release_id == RELEASE.release_id
    assert len(service.uses()) == 1
    with pytest.raises(TypeError):
        replace(found, _seal=object())
