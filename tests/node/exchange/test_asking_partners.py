"""Delivering and pulling: one partner's fault is its own and stops nobody else."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa

from interurban_node.aggregates.models import ReleaseRow
from interurban_node.core import outbox
from interurban_node.core.client import Client
from interurban_node.core.errors import (
    PartnerError,
    PartnerRefusedError,
    PartnerUnavailableError,
)
from interurban_node.core.outbox import OutboxRow
from interurban_node.exchange import jobs, service
from interurban_node.partners import service as partners
from interurban_protocol.encoding import canonical_json
from interurban_protocol.errors import InterurbanError, OversizedError
from interurban_protocol.http_messages import HttpRequest, HttpResponse
from interurban_protocol.http_signatures import sign_response
from interurban_protocol.messages import write_message
from tests.support.counting import PUBLICATION
from tests.support.federation import (
    agreed,
    evidence_problems,
    propose,
    released,
    rows,
    suspend,
)
from tests.support.nodes import Federation

Change = Callable[[HttpRequest, httpx.Response], httpx.Response]


@dataclass
class Broken(httpx.BaseTransport):
    """Changes what one host answers."""

    inner: httpx.BaseTransport
    host: str
    change: Change

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        if request.url.host != self.host:
            return response
        seen = HttpRequest(
            request.method, str(request.url), dict(request.headers), request.read()
        )
        response.read()
        return self.change(seen, response)


def with_broken(federation: Federation, name: str, host: str, change: Change) -> None:
    """From now on, what `name` hears from `host` is changed on the way."""
    client = federation.nodes[name].client
    broken = Broken(federation.transport, f"{host}.example", change)
    client._client.close()
    client._client = Client(5, broken)._client


def signed_answer(
    federation: Federation, name: str, status: int, body: bytes
) -> Change:
    """The partner itself answers something else, under a good signature."""
    node = federation.nodes[name]

    def answer(request: HttpRequest, _: httpx.Response) -> httpx.Response:
        response = sign_response(
            HttpResponse(status, {"content-type": "application/json"}, body),
            request,
            node.keys.exchange,
            created=federation.clock.now,
        ).message
        return httpx.Response(
            status,
            headers=dict(response.headers),
            stream=httpx.ByteStream(response.body),
        )

    return answer


def replaced(status: int = 200, **headers: str) -> Change:
    def answer(_: HttpRequest, response: httpx.Response) -> httpx.Response:
        return httpx.Response(
            status,
            headers={**dict(response.headers), **headers},
            stream=httpx.ByteStream(response.content),
        )

    return answer


def problem(slug: str) -> bytes:
    return canonical_json(
        {"type": f"urn:interurban:problem:{slug}", "detail": "d", "next_step": "s"}
    )


def waiting(federation: Federation, name: str = "lakeside") -> list[OutboxRow]:
    with federation.nodes[name].database.transaction() as session:
        return list(
            session.scalars(
                sa.select(OutboxRow)
                .where(OutboxRow.topic == "send-message")
                .order_by(OutboxRow.id)
            )
        )


UNANSWERED: dict[str, Change] = {
    "the body of a proxy": lambda _, r: httpx.Response(
        502, stream=httpx.ByteStream(b"<html>")
    ),
    "another status": replaced(201),
    "another content type": replaced(**{"content-type": "text/plain"}),
    "no signature": lambda _, r: httpx.Response(
        200, stream=httpx.ByteStream(r.content)
    ),
    "a redirection": lambda _, r: httpx.Response(
        302,
        headers={"location": "https://evil.example/"},
        stream=httpx.ByteStream(b""),
    ),
}


@pytest.mark.parametrize("how", UNANSWERED)
def test_an_answer_without_the_partner_s_signature_is_no_answer(
    federation: Federation, how: str
):
    federation.join_all()
    propose(federation)
    before = rows(federation.nodes["lakeside"])
    with_broken(federation, "lakeside", "eastvale", UNANSWERED[how])
    jobs.deliver_messages(federation.nodes["lakeside"])
    east, north = waiting(federation)
    assert (east.attempts, east.done_at) == (1, None)
    assert north.done_at is not None  # the other got its own
    assert rows(federation.nodes["lakeside"]).evidence == before.evidence + 1


@pytest.mark.parametrize(
    ("slug", "given_up"),
    [
        ("malformed", True),
        ("unsupported", True),
        ("oversized", True),
        ("message-conflict", True),
        ("suspended", False),
        ("recovering", False),
        ("internal", False),
    ],
)
def test_a_signed_refusal_is_evidence_and_some_are_final(
    federation: Federation, slug: str, given_up: bool
):
    federation.join_all()
    propose(federation)
    with_broken(
        federation,
        "lakeside",
        "eastvale",
        signed_answer(federation, "eastvale", 403, problem(slug)),
    )
    jobs.deliver_messages(federation.nodes["lakeside"])
    east, _ = waiting(federation)
    assert (east.done_at is not None) is given_up
    assert east.last_problem == "the partner answered 403: d"
    assert set(evidence_problems(federation.nodes["lakeside"])) == {None}


def test_a_message_for_nobody_we_know_does_not_stop_the_others(
    federation: Federation,
):
    """It stays, for `doctor` to show, and everybody else's goes out."""
    federation.join_all()
    lakeside, now = federation.nodes["lakeside"], federation.clock.now
    with lakeside.database.transaction() as session:
        outbox.enqueue(
            session,
            topic="send-message",
            reference=lakeside.identifiers.message_id(now),
            payload=write_message("agreement", b"{}"),
            partner="https://nowhere.example",
            now=now,
        )
    propose(federation, others=("northport",))
    assert jobs.deliver_messages(lakeside) == 2
    nobodys, agreement = waiting(federation)
    assert (nobodys.attempts, nobodys.done_at) == (1, None)
    assert agreement.done_at is not None


def publish(federation: Federation) -> str:
    agreed(federation)
    release_id = released(federation)
    federation.clock.now = PUBLICATION + timedelta(hours=1)
    return release_id


def test_a_release_is_pulled_once_and_verified(federation: Federation):
    release_id = publish(federation)
    northport, lakeside = federation.nodes["northport"], federation.nodes["lakeside"]
    assert service.pull(northport, lakeside.origin).new == (release_id,)
    before = rows(lakeside).uses
    assert service.pull(northport, lakeside.origin).new == ()
    assert rows(lakeside).uses == before


def test_a_release_that_is_not_published_yet_waits_without_harm(
    federation: Federation,
):
    agreed(federation)
    release_id = released(federation)
    northport, lakeside = federation.nodes["northport"], federation.nodes["lakeside"]
    assert service.pull(northport, lakeside.origin).new == ()
    federation.clock.now = PUBLICATION
    assert service.pull(northport, lakeside.origin).new == (release_id,)


LISTS = {
    "no object": b"[]",
    "no list": b'{"releases":1}',
    "an entry without a number": b'{"releases":[{"id":"x"}]}',
    "backwards": canonical_json(
        {"releases": [{"id": "sha256:" + "0" * 64, "sequence": 0}]}
    ),
    "an id that leads elsewhere": canonical_json(
        {"releases": [{"id": "../../my", "sequence": 1}]}
    ),
    "an id that is no address": canonical_json(
        {"releases": [{"id": "a\nb\u0000é", "sequence": 1}]}
    ),
}


@pytest.mark.parametrize("how", LISTS)
def test_a_partner_s_wrong_list_is_its_own_problem(federation: Federation, how: str):
    publish(federation)
    northport = federation.nodes["northport"]
    change = signed_answer(federation, "lakeside", 200, LISTS[how])

    def lists_only(request: HttpRequest, response: httpx.Response) -> httpx.Response:
        is_list = "/api/v1/releases?" in request.target_uri
        return change(request, response) if is_list else rewound(response)

    with_broken(federation, "northport", "lakeside", lists_only)
    summaries = {s.partner: s for s in service.pull_all(northport)}
    assert summaries["https://lakeside.example"].problem
    assert summaries["https://eastvale.example"].problem is None


def rewound(response: httpx.Response) -> httpx.Response:
    return httpx.Response(
        response.status_code,
        headers=dict(response.headers),
        stream=httpx.ByteStream(response.content),
    )


def test_a_condition_that_a_proxy_adds_on_the_way_brings_no_answer(
    federation: Federation,
):
    """The 304 is the partner's own, signed; we never ask under a condition."""
    publish(federation)
    northport, lakeside = federation.nodes["northport"], federation.nodes["lakeside"]
    unchanged = signed_answer(federation, "lakeside", 304, b"")

    def answer(request: HttpRequest, response: httpx.Response) -> httpx.Response:
        is_part = request.target_uri.endswith(("/manifest", "/data"))
        return unchanged(request, response) if is_part else rewound(response)

    with_broken(federation, "northport", "lakeside", answer)
    with pytest.raises(PartnerRefusedError) as refused:
        service.pull(northport, lakeside.origin)
    assert refused.value.status == 304
    assert set(evidence_problems(northport)) == {None}


def test_a_suspended_partner_is_told_so_when_it_pulls(federation: Federation):
    agreement_id = agreed(federation)
    released(federation)
    federation.clock.now = PUBLICATION + timedelta(hours=1)
    suspend(federation, "lakeside", agreement_id, "northport")
    northport, lakeside = federation.nodes["northport"], federation.nodes["lakeside"]
    with pytest.raises(PartnerRefusedError) as refused:
        service.pull(northport, lakeside.origin)
    assert refused.value.slug == "suspended"


def test_a_manifest_of_another_release_than_asked_for_is_refused(
    federation: Federation,
):
    release_id = publish(federation)
    other = "sha256:" + "0" * 64
    northport, lakeside = federation.nodes["northport"], federation.nodes["lakeside"]
    with lakeside.database.transaction() as session:
        manifest = session.scalars(
            sa.select(ReleaseRow.manifest).where(ReleaseRow.release_id == release_id)
        ).one()
    listing = canonical_json({"releases": [{"id": other, "sequence": 1}]})

    def answer(request: HttpRequest, response: httpx.Response) -> httpx.Response:
        if "/api/v1/releases?" in request.target_uri:
            return signed_answer(federation, "lakeside", 200, listing)(
                request, response
            )
        if request.target_uri.endswith("/manifest"):
            return signed_answer(federation, "lakeside", 200, manifest)(
                request, response
            )
        return rewound(response)

    with_broken(federation, "northport", "lakeside", answer)
    with pytest.raises(InterurbanError, match="another release"):
        service.pull(northport, lakeside.origin)


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/api/v1/status-lists/1",
        "https://lakeside.example.evil.example/api/v1/status-lists/1",
        "https://lakeside.example/my",
        "/api/v1/status-lists/1",
    ],
)
def test_a_status_list_is_fetched_from_its_issuer_only(
    federation: Federation, uri: str
):
    federation.join_all()
    seen = len(federation.transport.seen)
    with pytest.raises(InterurbanError, match="outside its issuer"):
        service.fetch_status_list(
            federation.nodes["northport"], "https://lakeside.example", uri
        )
    assert len(federation.transport.seen) == seen


def test_an_answer_that_never_ends_is_cut(federation: Federation, monkeypatch):
    federation.join_all()
    monkeypatch.setattr("interurban_node.core.client.MAX_ANSWER_BYTES", 10)
    with pytest.raises(OversizedError):
        federation.nodes["northport"].client.fetch_unsigned(
            "https://lakeside.example" + partners.DESCRIPTOR_PATH
        )


@pytest.mark.parametrize(
    "url", ["https://exa mple/", "https://[::1/", "nonsense", "https://\x00/"]
)
def test_an_address_that_is_none_is_a_partner_that_does_not_answer(
    federation: Federation, url: str
):
    with pytest.raises(PartnerError):
        federation.nodes["northport"].client.fetch_unsigned(url)


def test_a_partner_that_is_dark_and_one_that_refuses_differ(federation: Federation):
    client = federation.nodes["northport"].client
    with pytest.raises(PartnerRefusedError) as refused:
        client.fetch_unsigned("https://lakeside.example/nowhere")
    assert (refused.value.status, refused.value.slug) == (404, "not-found")
    federation.go_dark("lakeside")
    with pytest.raises(PartnerUnavailableError):
        client.fetch_unsigned("https://lakeside.example/nowhere")
