"""Every visible string of every feature has an Arabic translation, word for word findable."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import jinja2
import pytest
from babel.messages.pofile import read_po
from jinja2 import nodes

from interurban_node.committee.figures import Mark
from interurban_node.core import pages
from interurban_node.core.problems import PROBLEMS
from interurban_protocol.problems import INTERNAL

PLACE = re.compile(r"%\([a-z_]+\)[sd]")
CALCULATED = {  # from closed lists, which are tested below
    "problem.type.title",
    "name",  # of a mark in the committee's table
}


def templates() -> list[Path]:
    return sorted(pages.PACKAGE.glob("*/templates/*/*.html"))


def modules() -> list[Path]:
    return sorted(pages.PACKAGE.glob("*/*.py"))


def in_template(path: Path) -> Iterator[str]:
    """The messages of a template; a calculated one is named in braces."""
    tree = jinja2.Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    for call in tree.find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "t":
            message = call.args[0]
            if isinstance(message, nodes.Const):
                yield message.value
            else:
                yield "{" + _source(message) + "}"


def _source(node: nodes.Node) -> str:
    if isinstance(node, nodes.Getattr):
        return f"{_source(node.node)}.{node.attr}"
    return getattr(node, "name", type(node).__name__)


def in_module(path: Path) -> Iterator[str]:
    """The messages that a module gives to `language.text(…)`."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="text", value=value),
                args=[ast.Constant(value=str(message)), *_],
            ) if ast.unparse(value).endswith("language"):
                yield message


def every_message() -> set[str]:
    found = {message for path in templates() for message in in_template(path)}
    found |= {message for path in modules() for message in in_module(path)}
    return found - {f"{{{name}}}" for name in CALCULATED}


def closed_lists() -> set[str]:
    """The messages that are chosen at run time."""
    titles = {kind.title for kind in (*PROBLEMS.values(), INTERNAL)}
    return titles | {str(mark) for mark in Mark if mark is not Mark.SHOWN}


def test_there_are_templates_and_messages_to_look_at():
    assert len(templates()) > 5
    assert len(every_message()) > 50


@pytest.mark.parametrize("code", [c for c in pages.LANGUAGES if c != "en"])
def test_every_message_is_translated(code):
    missing = sorted(every_message() - pages.catalogue(code).keys())
    assert missing == []


@pytest.mark.parametrize("code", [c for c in pages.LANGUAGES if c != "en"])
def test_every_title_of_a_problem_and_every_mark_is_translated(code):
    assert sorted(closed_lists() - pages.catalogue(code).keys()) == []


@pytest.mark.parametrize("code", [c for c in pages.LANGUAGES if c != "en"])
def test_a_translation_has_the_same_places_as_its_message(code):
    for message, translation in pages.catalogue(code).items():
        assert sorted(PLACE.findall(message)) == sorted(PLACE.findall(translation))


def test_no_text_of_a_template_stands_outside_of_a_message():
    letters = re.compile(r"[A-Za-z]{2,}")
    for path in templates():
        source = path.read_text(encoding="utf-8")
        source = re.sub(r'<bdi class="code".*?</bdi>', " ", source)  # shown as it is
        bare = re.sub(
            r"\{%.*?%\}|\{\{.*?\}\}|\{#.*?#\}|<[^>]*>", " ", source, flags=re.DOTALL
        )
        assert letters.findall(bare) == [], path.name


def test_no_translation_is_left_over():
    used = every_message() | closed_lists()
    parts = pages.PACKAGE / "core" / "translations"
    for path in sorted(parts.glob("*.po")):
        with path.open("rb") as file:
            kept = {message.id for message in read_po(file) if message.id}
        assert kept <= used, path.name
