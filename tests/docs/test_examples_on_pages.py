"""The examples that readers copy from the pages work."""

import re
import shlex
import tomllib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from interurban_adapters.adapter import SourceRow
from interurban_adapters.mappings import load_mapping
from interurban_adapters.records import RECORD_MODELS, RecordKind
from interurban_node.agreements.drafts import read_plan
from interurban_node.cli import main
from interurban_node.core.home import KEY_FILES
from interurban_protocol.release_plans import check_plan
from interurban_protocol.structures import parse_structure
from tests.support.documentation import DOCS
from tests.support.nodes import START, Federation

TODAY = START.date()


def blocks(page: str, language: str) -> list[str]:
    """The fenced blocks of a page in one language."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


@pytest.fixture
def structure_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cities: Federation
) -> Path:
    """What the commands on the operators' page write."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("INTERURBAN_HOME", str(cities.add("maker").home.path))
    [script] = [b for b in blocks("operators.md", "sh") if "structure make" in b]
    for line in script.replace("\\\n", " ").splitlines():
        _, *arguments = shlex.split(line)
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 0
    return tmp_path / "completion.json"


def test_the_commands_on_the_operators_page_write_a_structure(
    structure_file: Path,
) -> None:
    structure = parse_structure(structure_file.read_bytes())

    assert structure.id == "COMPLETION"


def test_the_plan_on_the_operators_page_is_a_sound_plan(
    structure_file: Path, cities: Federation
) -> None:
    [text] = blocks("operators.md", "toml")
    draft = structure_file.parent / "plan.toml"
    draft.write_text(text, encoding="utf-8")
    node = cities.add("lakeside", "https://data.lakeside.example")

    plan, bundles = read_plan(node, draft, START)

    check_plan(plan)
    assert [parse_structure(each).digest for each in bundles] == [
        plan.dataflows[0].structure
    ]
    assert plan.periods[0].cut_off == datetime(2026, 10, 1, tzinfo=UTC)


def test_the_mapping_on_the_adapters_page_loads(tmp_path: Path) -> None:
    [text] = blocks("adapters.md", "toml")
    file = tmp_path / "lakeside.toml"
    file.write_text(text, encoding="utf-8")

    mapping = load_mapping(file)

    assert [table.kind for table in mapping.tables] == [
        RecordKind.PROGRAMME,
        RecordKind.LEARNER,
        RecordKind.OFFER,
        RecordKind.ENROLMENT,
        RecordKind.GRIEVANCE,
        RecordKind.CONSENT,
    ]


def test_the_mapping_on_the_adapters_page_reads_a_row(tmp_path: Path) -> None:
    [text] = blocks("adapters.md", "toml")
    file = tmp_path / "lakeside.toml"
    file.write_text(text, encoding="utf-8")
    table = load_mapping(file).table(RecordKind.ENROLMENT)
    assert table is not None
    values = {
        "number": "17",
        "course": "WEB-1",
        "term": "2025S",
        "registered": "15.01.2025",
        "left_on_day": "120",
        "state": "C",
    }

    record = table.map_row(
        SourceRow(key="17/WEB-1/2025S", values=values, row_number=2), today=TODAY
    )

    assert record.started_on.isoformat() == "2025-02-01"
    assert record.ended_on.isoformat() == "2025-06-01"
    assert record.status == "completed"


def test_the_adapters_page_names_every_field_that_can_be_mapped() -> None:
    text = (DOCS / "adapters.md").read_text(encoding="utf-8")

    for kind, model in RECORD_MODELS.items():
        [row] = [line for line in text.splitlines() if line.startswith(f"| `{kind}` |")]
        _, _, _, required, optional, _ = row.split(" | ".strip())
        for name, info in model.model_fields.items():
            if name != "source_pk":
                assert f"`{name}`" in (required if info.is_required() else optional)


def test_the_operators_page_names_every_key_file() -> None:
    text = (DOCS / "operators.md").read_text(encoding="utf-8")

    for name, _, _ in KEY_FILES:
        assert f"`keys/{name}.pem`" in text


@pytest.mark.parametrize("page", ["operators.md", "adapters.md"])
def test_every_toml_block_is_toml(page: str) -> None:
    for text in blocks(page, "toml"):
        assert tomllib.loads(text)
