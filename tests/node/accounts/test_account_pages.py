"""Signing in and out with a browser."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from jinja2 import nodes
from starlette.testclient import TestClient

from interurban_node.accounts import pages, service
from interurban_node.accounts.rules import ATTEMPTS_PER_SOURCE, Role
from interurban_node.core.context import Node
from interurban_node.core.errors import NotSignedInError
from interurban_node.core.pages import PACKAGE, catalogue, cookie_name, environment
from tests.support.nodes import Federation, Moment

ANNA = "Laaaaaaaaaaaaaaaaaaaaaaaaaa"
OWN = {"sec-fetch-site": "same-origin"}
DAYS = timedelta(days=30)


@pytest.fixture
def web(node: Node, cities: Federation) -> Iterator[TestClient]:
    with cities.web("lakeside") as client:
        client.headers["accept"] = "text/html"
        yield client


def a_code(node: Node) -> str:
    with node.database.transaction() as session:
        return service.mint_sign_in_code(session, node, ANNA, node.clock(), DAYS)


def a_token(node: Node, role: Role = Role.COMMITTEE_MEMBER) -> str:
    with node.database.transaction() as session:
        return service.mint_token(session, node, role, "Olga", node.clock(), DAYS)


def test_the_form_says_where_the_code_comes_from(web: TestClient) -> None:
    answer = web.get("/sign-in")
    assert answer.status_code == 200
    assert "Your training office gives you the code on paper" in answer.text
    assert '<form class="stack" method="post" action="/sign-in">' in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize("path", ["/sign-in", "/staff/sign-in"])
def test_the_forms_are_in_arabic_from_right_to_left(web: TestClient, path: str) -> None:
    answer = web.get(path, params={"lang": "ar"})
    assert '<html lang="ar" dir="rtl">' in answer.text
    assert "<h1>تسجيل" in answer.text


def test_a_learner_signs_in_to_the_own_page(node: Node, web: TestClient) -> None:
    answer = web.post("/sign-in", data={"code": a_code(node)}, headers=OWN)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/my"
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{cookie_name(node, 'session')}=")
    assert cookie.startswith("__Host-")
    for part in ("HttpOnly", "Secure", "SameSite=lax", "Path=/"):
        assert part in cookie
    assert "Domain" not in cookie
    with node.database.transaction() as session:
        token = web.cookies[cookie_name(node, "session")]
        assert service.learner_of(session, node, token, node.clock())


@pytest.mark.parametrize(
    ("role", "place"),
    [(Role.COMMITTEE_MEMBER, "/committee"), (Role.IT_OPERATOR, "/staff")],
)
def test_staff_sign_in_to_the_page_of_their_role(
    node: Node, web: TestClient, role: Role, place: str
) -> None:
    token = a_token(node, role)
    answer = web.post("/staff/sign-in", data={"token": token}, headers=OWN)
    assert (answer.status_code, answer.headers["location"]) == (303, place)
    page = web.get("/staff")
    assert page.status_code == 200
    assert "Olga" in page.text
    assert str(role) in page.text


@pytest.mark.parametrize(
    ("path", "field"), [("/sign-in", "code"), ("/staff/sign-in", "token")]
)
def test_a_wrong_secret_shows_the_form_again(
    web: TestClient, path: str, field: str
) -> None:
    answer = web.post(path, data={field: "AAAA-AAAA-AAAA"}, headers=OWN)
    assert answer.status_code == 401
    assert 'class="error-summary"' in answer.text
    assert "AAAA-AAAA" not in answer.text
    assert "set-cookie" not in answer.headers


def test_used_and_unknown_codes_look_the_same(node: Node, web: TestClient) -> None:
    code = a_code(node)
    web.post("/sign-in", data={"code": code}, headers=OWN)
    web.cookies.clear()
    pages_shown = {
        web.post("/sign-in", data={"code": each}, headers=OWN).text
        for each in (code, "AAAA-AAAA-AAAA", "")
    }
    assert len(pages_shown) == 1


def test_guessing_is_stopped_with_a_page_that_says_so(
    node: Node, web: TestClient, moment: Moment
) -> None:
    code = a_code(node)
    for _ in range(ATTEMPTS_PER_SOURCE):
        web.post("/sign-in", data={"code": "A"}, headers=OWN)
    answer = web.post("/sign-in", data={"code": code}, headers=OWN)
    assert answer.status_code == 429
    assert "Wait a quarter of an hour" in answer.text
    moment.advance(minutes=15)
    assert web.post("/sign-in", data={"code": code}, headers=OWN).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {},
    ],
)
@pytest.mark.parametrize("path", ["/sign-in", "/staff/sign-in", "/sign-out"])
def test_a_form_of_another_site_is_refused(
    node: Node, web: TestClient, path: str, headers: dict[str, str]
) -> None:
    code = a_code(node)
    form = {"code": code, "token": a_token(node), "form_token": "no"}
    answer = web.post(path, data=form, headers=headers)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    web.cookies.clear()
    assert web.post("/sign-in", data={"code": code}, headers=OWN).status_code == 303


def test_an_old_browser_signs_in_with_the_hidden_token(
    node: Node, web: TestClient
) -> None:
    form = web.get("/sign-in").text
    hidden = form.split('name="form_token" value="')[1].split('"')[0]
    answer = web.post("/sign-in", data={"code": a_code(node), "form_token": hidden})
    assert answer.status_code == 303


def test_a_session_from_before_the_sign_in_is_not_used(
    node: Node, web: TestClient
) -> None:
    name = cookie_name(node, "session")
    first = web.post("/sign-in", data={"code": a_code(node)}, headers=OWN)
    before = first.cookies[name]
    second = web.post("/sign-in", data={"code": a_code(node)}, headers=OWN)
    assert second.cookies[name] != before
    with node.database.transaction() as session, pytest.raises(NotSignedInError):
        service.learner_of(session, node, before, node.clock())


def test_signing_in_leads_to_fixed_pages_only(node: Node, web: TestClient) -> None:
    path = "/sign-in?next=https://evil.example"
    answer = web.post(path, data={"code": a_code(node), "next": "//x"}, headers=OWN)
    assert answer.headers["location"] == "/my"


def test_signing_out_ends_the_session_and_the_cookie(
    node: Node, web: TestClient
) -> None:
    web.post("/sign-in", data={"code": a_code(node)}, headers=OWN)
    name = cookie_name(node, "session")
    token = web.cookies[name]
    answer = web.post("/sign-out", headers=OWN)
    assert answer.status_code == 200
    assert "You are signed out" in answer.text
    assert name not in web.cookies
    web.cookies.set(name, token, domain="lakeside.example")
    assert web.get("/my").headers["location"] == "/sign-in"


def test_the_staff_page_wants_somebody_on_the_staff(
    node: Node, web: TestClient
) -> None:
    assert web.get("/staff").headers["location"] == "/staff/sign-in"
    web.post("/sign-in", data={"code": a_code(node)}, headers=OWN)
    assert web.get("/staff").headers["location"] == "/staff/sign-in"


@pytest.mark.parametrize(
    ("path", "form"),
    [
        ("/my", "/sign-in"),
        ("/my/uses", "/sign-in"),
        ("/staff", "/staff/sign-in"),
        ("/committee", "/staff/sign-in"),
        ("/committee/table.csv", "/staff/sign-in"),
        ("/staffing", "/sign-in"),
    ],
)
def test_whoever_is_not_signed_in_is_sent_to_the_right_form(
    path: str, form: str
) -> None:
    assert pages.sign_in_path(path) == form


def test_every_word_on_these_pages_has_an_arabic_one() -> None:
    known = catalogue("ar")
    folder = PACKAGE / "accounts" / "templates" / "accounts"
    for path in folder.glob("*.html"):
        tree = environment().parse(path.read_text(encoding="utf-8"))
        words = {
            call.args[0].value
            for call in tree.find_all(nodes.Call)
            if isinstance(call.node, nodes.Name) and call.node.name == "t"
        }
        assert words - set(known) == set()
