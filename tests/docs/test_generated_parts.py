"""The pages say what the code says: commands, settings, problems, members, message kinds."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import interurban_adapters
import interurban_node
import interurban_protocol
from interurban_node.core.problems import PROBLEMS, problem_for
from interurban_node.settings import Settings
from interurban_protocol.errors import InterurbanError
from interurban_protocol.problems import INTERNAL
from tests.support.documentation import DOCS, generated, parts_of

PARTS = [(page, name) for page, parts in generated().items() for name in parts]
GENERATED = generated()


def error_classes() -> set[type[InterurbanError]]:
    """Every error of the three packages, with all their modules imported."""
    for package in (interurban_protocol, interurban_adapters, interurban_node):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in module.name and "__main__" not in module.name:
                importlib.import_module(module.name)
    return set(_below(InterurbanError))


def _below(base: type[InterurbanError]) -> Iterator[type[InterurbanError]]:
    for derived in base.__subclasses__():
        if derived.__module__.startswith("interurban_"):
            yield derived
            yield from _below(derived)


@pytest.mark.parametrize(("page", "name"), PARTS)
def test_a_generated_part_is_up_to_date(page: str, name: str) -> None:
    """If this fails, run `python -m tests.support.documentation` and read the difference."""
    assert parts_of(DOCS / page)[name] == GENERATED[page][name]


@pytest.mark.parametrize("page", sorted(GENERATED))
def test_a_page_has_no_generated_part_that_nobody_makes(page: str) -> None:
    assert parts_of(DOCS / page).keys() == GENERATED[page].keys()


def test_every_problem_type_has_its_section() -> None:
    text = parts_of(DOCS / "problems.md")["problems"]

    headings = [line[4:] for line in text.splitlines() if line.startswith("### ")]

    assert headings == sorted({kind.slug for kind in PROBLEMS.values()})


def test_one_problem_type_has_one_meaning() -> None:
    kinds = set(PROBLEMS.values())

    assert len({kind.slug for kind in kinds}) == len(kinds)


def test_every_error_becomes_a_problem_that_is_more_than_a_fault() -> None:
    fallen = {
        error.__name__
        for error in error_classes()
        if not any(
            ancestor in PROBLEMS
            for ancestor in error.__mro__
            if ancestor is not InterurbanError
        )
    }

    assert fallen == set()


def test_the_walk_over_the_errors_finds_those_of_all_three_packages() -> None:
    packages = {error.__module__.partition(".")[0] for error in error_classes()}

    assert packages == {
        "interurban_adapters",
        "interurban_node",
        "interurban_protocol",
    }


@pytest.mark.parametrize(
    "error", sorted(error_classes(), key=lambda e: (e.__module__, e.__qualname__))
)
def test_every_error_has_a_next_step_of_its_family(
    error: type[InterurbanError],
) -> None:
    problem = problem_for(error("a fact"))

    assert problem.next_step
    assert problem.type is not INTERNAL or problem.type.status == 500


def test_every_setting_is_explained() -> None:
    text = parts_of(DOCS / "settings.md")["settings"]

    for name, field in Settings.model_fields.items():
        assert f"`{name}`" in text
        assert field.description
