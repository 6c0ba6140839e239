"""Requests as they were sent, bodies with a limit, pages that trust no other site."""

from collections.abc import Iterator

import pytest
from fastapi import FastAPI, Request
from starlette.testclient import TestClient

from interurban_node.core import pages
from interurban_node.core.context import Node
from interurban_node.core.pages import Language, cookie_name, form_token
from interurban_node.core.web import BodyDependency, WireRequestDependency, to_web
from interurban_protocol.http_messages import HttpResponse
from tests.support.nodes import Federation


@pytest.fixture
def lakeside(cities: Federation) -> Node:
    return cities.add("lakeside")


def echo(node: Node) -> TestClient:
    """An application that says what request it saw."""
    app = FastAPI()
    app.state.node = node

    @app.api_route("/{path:path}", methods=["GET", "PUT"])
    def seen(request: WireRequestDependency) -> dict[str, str]:
        return {
            "method": request.method,
            "target": request.target_uri,
            "x": request.headers.get("x", ""),
            "body": request.body.decode(),
        }

    return TestClient(app, base_url="https://proxy.internal")


@pytest.mark.parametrize(
    "path",
    [
        "/a",
        "/a?b=c",
        "/a%2Fb",
        "/a%2fb",
        "/a%3Fb",
        "/a%3Fb?c",
        "/a%23b?c=1",
        "/%C3%A9?x=%20%2B+",
        "/a;b=c,d",
        "/a//b/",
        "/a?b=c?d#".removesuffix("#"),
    ],
)
def test_the_target_is_the_configured_origin_and_what_was_sent(
    lakeside: Node, path: str
):
    seen = echo(lakeside).get(path, headers={"host": "elsewhere.example"}).json()
    assert seen["target"] == "https://lakeside.example" + path


def test_a_header_that_comes_twice_is_joined(lakeside: Node):
    answer = echo(lakeside).get("/", headers=[("x", "1"), ("X", "2")])
    assert answer.json()["x"] == "1, 2"


def test_a_body_up_to_the_limit_is_read_and_one_byte_more_is_413(cities: Federation):
    cities.add("lakeside")
    web = cities.web("lakeside")
    limit = cities.nodes["lakeside"].settings.max_body_bytes

    def pieces(count: int) -> Iterator[bytes]:
        for _ in range(count // 1000):
            yield b"x" * 1000
        yield b"x" * (count % 1000)

    for body in (b"x" * (limit + 1), pieces(limit + 1)):
        answer = web.put("/api/v1/messages/1", content=body)
        assert answer.status_code == 413
        assert answer.json()["type"].endswith(":oversized")
    for body in (b"x" * limit, pieces(limit)):
        assert web.put("/api/v1/messages/1", content=body).status_code == 401


@pytest.mark.parametrize("length", ["²", "-1", "1e3", "9" * 5000, "0x10", " "])
def test_an_announced_length_that_is_no_length_is_refused(
    cities: Federation, length: str
):
    cities.add("lakeside")
    answer = cities.web("lakeside").put(
        "/api/v1/messages/1",
        headers={b"content-length": length.encode("latin-1")},
        content=iter([b"x"]),
    )
    assert answer.status_code == 413


def test_an_answer_keeps_its_status_headers_and_body():
    answer = to_web(HttpResponse(201, {"content-type": "a/b", "x": "1"}, b"body"))
    assert (answer.status_code, answer.body) == (201, b"body")
    assert (answer.headers["content-type"], answer.headers["x"]) == ("a/b", "1")


def test_a_fault_and_a_wrong_address_are_problems(cities: Federation):
    cities.add("lakeside")
    web = cities.web("lakeside")
    missing = web.get("/nowhere")
    assert (missing.status_code, missing.json()["type"].rpartition(":")[2]) == (
        404,
        "not-found",
    )
    assert web.delete("/health/live").status_code == 400


def test_a_page_may_load_its_own_style_and_nothing_else(cities: Federation):
    cities.add("lakeside")
    answer = cities.web("lakeside").get("/nowhere", headers={"accept": "text/html"})
    assert answer.status_code == 404
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "<script" not in answer.text
    assert " style=" not in answer.text
    for name, value in pages.SECURITY_HEADERS.items():
        assert answer.headers[name] == value


def test_a_link_on_a_page_never_leads_to_another_host(cities: Federation):
    cities.add("lakeside")
    for path in ("//evil.example/", "///evil.example/", "/%5Cevil.example/"):
        answer = cities.web("lakeside").get(
            f"https://lakeside.example{path}", headers={"accept": "text/html"}
        )
        assert 'href="//' not in answer.text
        assert 'href="/\\' not in answer.text
        assert answer.status_code == 404


@pytest.mark.parametrize(
    ("query", "cookie", "browser", "expected"),
    [
        ("ar", "en", "en", "ar"),
        ("", "ar", "en", "ar"),
        ("", "", "fr, ar-SY;q=0.9, en;q=0.8", "ar"),
        ("", "", "fr", "en"),
        ("", "", "", "en"),
        ("xx", "yy", "ar", "ar"),
    ],
)
def test_the_language_is_that_of_the_address_then_cookie_then_browser_then_city(
    lakeside: Node, query: str, cookie: str, browser: str, expected: str
):
    name = cookie_name(lakeside, "language")
    request = a_request(
        f"lang={query}" if query else "",
        {"accept-language": browser, "cookie": f"{name}={cookie}"},
    )
    assert pages.language_of(request, lakeside).code == expected


def test_a_chosen_language_is_remembered(cities: Federation):
    node = cities.add("lakeside")
    answer = cities.web("lakeside").get(
        "/nowhere?lang=ar", headers={"accept": "text/html"}
    )
    assert 'dir="rtl"' in answer.text
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{cookie_name(node, 'language')}=ar;")
    for attribute in ("HttpOnly", "Secure", "Path=/", "SameSite=lax"):
        assert attribute.lower() in cookie.lower()
    assert "domain" not in cookie.lower()


def test_languages_know_their_direction_name_and_dates():
    assert (Language("ar").direction, Language("en").direction) == ("rtl", "ltr")
    assert Language("ar").own_name == "العربية"
    assert Language("en").text("%(n)s rows", n=3) == "3 rows"


def test_cookies_of_two_nodes_on_one_host_differ(cities: Federation):
    one = cities.add("one", "http://127.0.0.1:8101", demo=True)
    two = cities.add("two", "http://127.0.0.1:8102", demo=True)
    secure = cities.add("lakeside")
    assert cookie_name(one, "session") != cookie_name(two, "session")
    assert not cookie_name(one, "session").startswith("__Host-")
    assert cookie_name(secure, "session").startswith("__Host-")


def a_request(query: str = "", headers: dict[str, str] | None = None) -> Request:
    return Request(
        {
            "type": "http",
            "method": "POST",
            "path": "/my",
            "query_string": query.encode(),
            "headers": [
                (name.encode(), value.encode())
                for name, value in (headers or {}).items()
            ],
        }
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"origin": "https://lakeside.example"},
    ],
)
def test_a_form_from_the_node_s_own_page_is_accepted(
    lakeside: Node, headers: dict[str, str]
):
    pages.check_form(a_request("", headers), lakeside, "")


def test_an_old_browser_shows_the_hidden_token(lakeside: Node):
    name = cookie_name(lakeside, "session")
    request = a_request("", {"cookie": f"{name}=mine"})
    pages.check_form(request, lakeside, form_token(request, lakeside))


@pytest.mark.parametrize(
    ("headers", "token"),
    [
        ({"sec-fetch-site": "cross-site"}, "right"),
        ({"sec-fetch-site": "same-site"}, "right"),
        ({"sec-fetch-site": "cross-site", "origin": "https://lakeside.example"}, ""),
        ({"origin": "https://evil.example"}, "right"),
        ({"origin": "null"}, "right"),
        ({"origin": "http://lakeside.example"}, "right"),
        ({}, ""),
        ({}, "wrong"),
        ({}, "é"),
        ({}, "another's"),
    ],
)
def test_a_form_from_elsewhere_is_refused(
    lakeside: Node, headers: dict[str, str], token: str
):
    name = cookie_name(lakeside, "session")
    request = a_request("", {**headers, "cookie": f"{name}=mine"})
    tokens = {
        "right": form_token(request, lakeside),
        "another's": form_token(a_request(), lakeside),
    }
    with pytest.raises(pages.RefusedError, match="not sent from this node"):
        pages.check_form(request, lakeside, tokens.get(token, token))


def test_the_body_dependency_is_the_exact_bytes(lakeside: Node):
    app = FastAPI()
    app.state.node = lakeside

    @app.put("/")
    def size(body: BodyDependency) -> int:
        return len(body)

    assert TestClient(app).put("/", content=b"\x00\xff\r\n").json() == 4
