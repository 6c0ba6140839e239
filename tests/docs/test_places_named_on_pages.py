"""Addresses, layers, files and modules that the pages name exist, and none is left out."""

import importlib
import re
import tomllib

import pytest
from fastapi.routing import APIRoute

from interurban_node.exchange import api, health
from tests.support.documentation import DOCS, ROOT, pages

NODE = ROOT / "node" / "interurban_node"


def inline_code() -> set[str]:
    """Everything that the pages write between backticks."""
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages())
    return set(re.findall(r"`([^`\n]+)`", text))


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module, or something in one."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        return all(
            (found := getattr(found, part, None)) is not None for part in parts[length:]
        )
    return False


def test_the_protocol_page_names_every_address_for_partners() -> None:
    page = (DOCS / "protocol.md").read_text(encoding="utf-8")
    _, _, table = page.partition("## Addresses")

    routes = [*api.router.routes, *health.router.routes]
    paths = {route.path for route in routes if isinstance(route, APIRoute)}
    missing = {path for path in paths if f"`{path}" not in table[:2000]}

    assert len(paths) > 8
    assert missing == set()


def test_the_architecture_page_has_the_layers_that_are_checked() -> None:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    [checked] = [contract for contract in contracts if contract["id"] == "features"]
    page = (DOCS / "architecture.md").read_text(encoding="utf-8")
    [drawn] = re.findall(r"```text\n(cli\n.*?)-{5,}", page, re.DOTALL)

    layers = [re.split(r"\s{2,}", line)[0] for line in drawn.strip().splitlines()]

    assert layers == checked["layers"]


def test_every_python_file_named_on_a_page_exists() -> None:
    named = {code for code in inline_code() if re.fullmatch(r"\w+/\w+\.py", code)}

    assert len(named) > 5
    places = (NODE, ROOT)
    missing = {n for n in named if not any((place / n).exists() for place in places)}
    assert missing == set()


@pytest.mark.parametrize(
    "dotted",
    sorted(
        code
        for code in inline_code()
        if re.fullmatch(r"interurban_(protocol|adapters|node)(\.\w+)*", code)
    ),
)
def test_every_module_named_on_a_page_exists(dotted: str) -> None:
    assert resolves(dotted)


def test_every_decision_has_the_same_four_parts() -> None:
    wanted = ["Context", "Decision", "Consequences", "Alternatives"]

    for page in sorted((DOCS / "decisions").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == wanted, page.name
        assert text.startswith(f"# {page.name[:4]}: ")
