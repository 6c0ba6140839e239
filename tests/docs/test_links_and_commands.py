"""What the pages point to is there: files, headings, commands."""

import re
from pathlib import Path

import pytest

from interurban_node import cli
from tests.support.documentation import DOCS, ROOT, command_names, pages

LINK = re.compile(r"\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:^|[`/ (])interurban ([a-z]+)(?: ([a-z]+))?")
INLINE = re.compile(r"`([^`\n]+)`")
PLACEHOLDERS = {"interurban COMMAND"}


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def links(page: Path) -> list[str]:
    prose = FENCE.sub("", text_of(page))
    return [target for target in LINK.findall(prose) if "://" not in target]


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text_of(page)), re.MULTILINE)
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in headings
    }


def commands_in(page: Path) -> list[str]:
    """The commands that a page tells its reader to type, inline or in a block."""
    text = text_of(page)
    typed = [
        line.strip() for block in FENCE.findall(text) for line in block.split("\n")
    ]
    typed += INLINE.findall(FENCE.sub("", text))
    found = []
    for line in typed:
        match = re.match(r"(?:\S*/)?interurban ([a-z]+)(?: ([a-z]+))?", line)
        if match is not None:
            group, verb = match[1], match[2]
            found.append(f"interurban {group}" + (f" {verb}" if verb else ""))
    return found


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    broken = []
    for target in links(page):
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)

    assert broken == []


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_every_command_on_a_page_exists(page: Path) -> None:
    known = command_names()

    unknown = {typed for typed in commands_in(page) if typed not in known}

    assert unknown == set()


def test_the_pages_name_commands_at_all() -> None:
    named = {typed for page in pages() for typed in commands_in(page)}

    assert {f"interurban {name}" for name in cli.COMMANDS} <= {
        " ".join(typed.split()[:2]) for typed in named
    }


def test_every_page_for_users_is_linked_from_the_readme() -> None:
    linked = {target.partition("#")[0] for target in links(ROOT / "README.md")}

    wanted = {f"docs/{page.name}" for page in DOCS.glob("*.md")}

    assert wanted - linked == set()


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_no_page_names_a_place_of_somebodys_machine(page: Path) -> None:
    assert not re.search(r"/(?:work|home|tmp|Users)/", text_of(page))


def test_the_picture_of_the_cities_can_be_read_aloud() -> None:
    picture = (DOCS / "three-cities.svg").read_text(encoding="utf-8")

    assert 'role="img"' in picture
    assert "<title" in picture
    assert "<desc" in picture
    assert "<script" not in picture
