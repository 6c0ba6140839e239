"""The definitions as readers get them: on a page in their language, and in docs."""

import pytest

from interurban_node.committee.definitions import definition_views, markdown
from interurban_node.core.pages import LANGUAGES, Language
from interurban_protocol.indicators import STANDARD, count_of
from tests.support.documentation import DOCS, parts_of
from tests.support.outcomes import standard_structures


def test_the_page_about_indicators_is_up_to_date() -> None:
    """If this fails, put `definitions.markdown()` into the generated part and read it."""
    assert parts_of(DOCS / "indicators.md")["indicators"] == markdown()


@pytest.mark.parametrize("code", LANGUAGES)
def test_every_definition_states_everything(code: str) -> None:
    for view, indicator in zip(
        definition_views(STANDARD, Language(code)), STANDARD, strict=True
    ):
        texts = [view.name, view.made, view.unit, view.unknowns, view.source]
        parts = [view.numerator, *([view.denominator] if view.denominator else [])]
        for part in parts:
            texts += [part.counted, part.cells, part.basis]
        assert all(text.strip() for text in texts)
        assert view.name == indicator.names[code]
        assert (view.denominator is None) == (indicator.denominator is None)


def test_the_cells_are_named_as_a_reader_of_releases_knows_them() -> None:
    views = {view.id: view for view in definition_views(STANDARD, Language("en"))}
    assert views["COMPLETION_RATE"].numerator.cells == "COMPLETION, OUTCOME=COM"
    assert views["EXIT_REASONS"].numerator.cells == "EXITS, EXIT_REASON≠_T"
    assert views["MEDIAN_WAGE"].numerator.cells == "JOBS_Q2, WAGE_BAND≠_T"


def test_a_dataflow_that_is_no_standard_one_is_defined_by_its_structure() -> None:
    structure = standard_structures()["EXITS"]
    [view] = definition_views([count_of(structure)], Language("ar"))
    assert view.name == structure.names["ar"]
    assert view.numerator.counted == structure.measure["ar"]
