"""A learner at a browser: signs in, opens pages, presses the buttons of forms."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from html.parser import HTMLParser

from starlette.testclient import TestClient

from interurban_node.accounts import service as accounts
from interurban_node.app import create_app
from interurban_node.core.context import Node

VOID = frozenset({"meta", "link", "input", "br", "hr", "img"})
SAME_ORIGIN = {"sec-fetch-site": "same-origin", "accept": "text/html"}


@dataclass
class Form:
    """A form with its hidden fields and the names of its buttons."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[dict[str, str]] = field(default_factory=list)


class Reader(HTMLParser):
    """Reads a page as strictly as tests need: every element is closed in its order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == [], f"never closed: {self._open}"

    def handle_starttag(
        self, tag: str, attributes: list[tuple[str, str | None]]
    ) -> None:
        found = {name: value or "" for name, value in attributes}
        assert len(found) == len(attributes), f"an attribute twice in {tag}"
        self.elements.append((tag, found))
        if tag not in VOID:
            self._open.append(tag)
        if tag == "form":
            self.forms.append(Form(found["action"], found["method"]))
        elif tag == "input" and "form" in self._open:
            self.forms[-1].fields[found["name"]] = found.get("value", "")
        elif tag == "button" and "form" in self._open:
            self.forms[-1].buttons.append(found)

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"{tag} was never opened"
        assert self._open.pop() == tag, f"{tag} is closed out of order"

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.words.append(text)

    @property
    def text(self) -> str:
        """Everything that can be read, with single spaces."""
        return " ".join(self.words)

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of every element of this kind."""
        return [found for name, found in self.elements if name == tag]

    def form(self, action: str) -> Form:
        """The first form that is sent there."""
        return next(form for form in self.forms if form.action == action)


class Browser:
    """A browser pointed at one node."""

    def __init__(self, node: Node, language: str = "en") -> None:
        self.node = node
        self.client = TestClient(
            create_app(node),
            base_url=node.origin,
            follow_redirects=False,
            headers={"accept-language": language},
        )

    def sign_in(self, learner_ref: str) -> "Browser":
        """Sign in with a fresh code."""
        now = self.node.clock()
        with self.node.database.transaction() as session:
            code = accounts.mint_sign_in_code(
                session, self.node, learner_ref, now, timedelta(days=1)
            )
        answer = self.client.post("/sign-in", data={"code": code}, headers=SAME_ORIGIN)
        assert (answer.status_code, answer.headers["location"]) == (303, "/my")
        return self

    def status(self, path: str) -> int:
        """What the node answers to a request for a page."""
        return self.client.get(path, headers=SAME_ORIGIN).status_code

    def open(self, path: str, status: int = 200) -> Reader:
        """A page."""
        answer = self.client.get(path, headers=SAME_ORIGIN)
        assert answer.status_code == status, answer.text
        return Reader(answer.text)

    def send(self, path: str, values: Mapping[str, str], status: int = 303) -> str:
        """Send a form; where it leads."""
        answer = self.client.post(path, data=dict(values), headers=SAME_ORIGIN)
        assert answer.status_code == status, answer.text
        return answer.headers.get("location", "")

    def press(self, page: Reader, action: str, **button: str) -> Reader:
        """Send a form of a page as it stands, with the button that was pressed."""
        return self.open(self.send(action, {**page.form(action).fields, **button}))
