"""A learner's browser for the story: cookies, forms, and no script, on loopback only."""

import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from urllib.parse import urljoin, urlsplit

from interurban_node.core.errors import StateError

TIMEOUT_SECONDS = 30


@dataclass
class Form:
    """A form of a page: where it goes and what it would send as it stands."""

    action: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self.forms.append(Form(given.get("action", "")))
            self._open = True
        elif self._open and tag == "input" and given.get("type") != "radio":
            self.forms[-1].fields[given.get("name", "")] = given.get("value", "")
        elif self._open and tag == "button":
            self.forms[-1].buttons.append(
                (given.get("name", ""), given.get("value", ""))
            )

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = False


class Browser:
    """Opens pages and sends forms of one node, as a person would."""

    def __init__(self, origin: str, language: str = "en") -> None:
        if urlsplit(origin).hostname not in ("127.0.0.1", "localhost"):
            raise ValueError("the story's browser stays on this machine")
        self._origin = origin
        self._here = origin
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(CookieJar())
        )
        self._headers = {"accept": "text/html", "accept-language": language}
        self.page = ""

    def open(self, path: str) -> str:
        """Open a page of the node; its HTML."""
        return self._send(urllib.request.Request(urljoin(self._origin, path)))  # noqa: S310  # loopback only, checked above

    def send(
        self,
        action: str,
        values: Mapping[str, str],
        with_field: str | None = None,
    ) -> str:
        """Send the page's form whose action begins with `action`; the page that follows.

        Of several such forms, the first in which the field `with_field` is not empty.

        Raises:
            StateError: the page has no such form, or the node refuses.
        """
        for form in self.forms():
            if form.action.startswith(action) and (
                with_field is None or form.fields.get(with_field)
            ):
                target = urljoin(self._here, form.action)
                body = urllib.parse.urlencode({**form.fields, **values}).encode()
                request = urllib.request.Request(  # noqa: S310  # loopback only
                    target, body, {"origin": self._origin}
                )
                return self._send(request)
        raise StateError(f"the page has no form for {action}")

    def forms(self) -> list[Form]:
        """The forms of the page that is open."""
        parser = _Forms()
        parser.feed(self.page)
        return parser.forms

    def _send(self, request: urllib.request.Request) -> str:
        for name, value in self._headers.items():
            request.add_header(name, value)
        try:
            with self._opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
                self._here = answer.geturl()
                self.page = answer.read().decode("utf-8")
        except urllib.error.HTTPError as error:
            path = urlsplit(request.full_url).path
            error.close()
            raise StateError(f"the page {path} answered {error.code}") from error
        return self.page
