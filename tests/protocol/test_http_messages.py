"""HTTP messages without a framework: one form of header names and values."""

import pytest

from interurban_protocol.http_messages import HttpRequest, HttpResponse


@pytest.mark.parametrize(
    "make",
    [
        lambda headers: HttpRequest("GET", "https://lakeside.example/", headers),
        lambda headers: HttpResponse(200, headers),
    ],
)
def test_header_names_are_lower_case_and_values_have_no_space_around(make):
    message = make({"Content-Type": "  application/json\t", "X-A": "a, b"})
    assert message.headers == {"content-type": "application/json", "x-a": "a, b"}


def test_an_added_header_replaces_the_one_of_the_same_name_in_a_new_message():
    request = HttpRequest("PUT", "https://a.example/x", {"A": "1", "b": "2"}, b"body")
    changed = request.with_headers({"a": "3"})
    assert changed.headers == {"a": "3", "b": "2"}
    assert (changed.method, changed.target_uri, changed.body) == (
        "PUT",
        "https://a.example/x",
        b"body",
    )
    assert request.headers == {"a": "1", "b": "2"}


def test_a_response_keeps_status_and_body_when_a_header_is_added():
    response = HttpResponse(404, {"a": "1"}, b"nothing").with_headers({"B": "2"})
    assert response == HttpResponse(404, {"a": "1", "b": "2"}, b"nothing")
