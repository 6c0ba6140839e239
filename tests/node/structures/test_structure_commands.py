"""`interurban structure …`: make tables, look at them, compare, check, and propose a plan."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from interurban_node.agreements import service as agreements
from interurban_node.agreements.commands import (
    agreement_app,
    plan_app,
    structure_app,
)
from interurban_node.core.clock import system_clock
from interurban_node.core.context import Node
from interurban_node.structures import service
from interurban_protocol.agreements import AgreementState
from interurban_protocol.structures import Structure, bundle_bytes, parse_structure
from interurban_protocol.training_structures import TRAINING_DATAFLOWS
from tests.support.documentation import DOCS
from tests.support.nodes import Federation
from tests.support.tables import exits, standard_tables

CHOICES = """
dataflows = ["COMPLETION", "EXITS", "JOBS_Q2"]
wage_limits = [800, 1600]

[[programmes]]
id = "WEB-1"
title = { en = "Web basics", ar = "أساسيات الويب" }
field = "0613"

[[programmes]]
id = "CARE-2"
title = { en = "Care assistant" }
value = "care2"
field = "0921"
"""


@pytest.fixture
def lakeside(cities: Federation) -> Node:
    cities.clock.now = system_clock()  # which commands read
    return cities.add("lakeside")


def run(app: typer.Typer, node: Node, *arguments: object) -> Result:
    texts = [str(each) for each in arguments]
    return CliRunner().invoke(app, [*texts, "--home", str(node.home.path)])


def data(node: Node, *arguments: object) -> dict:
    result = run(structure_app, node, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def made(node: Node, folder: Path, *arguments: object, text: str = CHOICES) -> Result:
    choices = folder / "choices.toml"
    choices.write_text(text, encoding="utf-8")
    return run(
        structure_app, node, "make", "--choices", choices, "--out", folder, *arguments
    )


def structure_in(path: Path) -> Structure:
    return parse_structure(path.read_bytes())


def adopt(node: Node, *structures: Structure) -> None:
    with node.database.transaction() as session:
        for structure in structures:
            service.adopt(session, bundle_bytes(structure), node.clock())


def a_plan_file(folder: Path, node: Node, *names: str, others: tuple = ()) -> Path:
    cities = json.dumps([node.origin, *others])
    path = folder / "plan.toml"
    path.write_text(
        f"""
        subject = "training"
        title = {{ en = "Training" }}
        structures = {json.dumps(names)}
        publishers = {cities}
        recipients = {cities}
        purposes = ["training-outcomes"]
        valid_from = 2027-01-01
        valid_until = 2029-01-01
        [[periods]]
        period = "2027-Q1"
        cut_off = 2027-06-01
        publication = 2027-07-01T08:00:00Z
        """,
        encoding="utf-8",
    )
    return path


def test_tables_are_made_checked_proposed_and_signed(
    cities: Federation, tmp_path: Path
):
    cities.clock.now = system_clock()
    lakeside, northport = cities.add("lakeside"), cities.add("northport")
    cities.join_all()
    assert made(lakeside, tmp_path).exit_code == 0
    plan = a_plan_file(
        tmp_path,
        lakeside,
        *("completion.json", "exits.json", "jobs-q2.json"),
        others=(northport.origin,),
    )
    checked = run(structure_app, lakeside, "lint", "--plan", plan)
    assert checked.stdout == "No rule is against the plan with its 3 table(s).\n"
    proposed = run(plan_app, lakeside, "propose", plan)
    plan_id = proposed.stdout.splitlines()[0]
    result = run(
        agreement_app,
        lakeside,
        *("propose", "--plan", plan_id, "--partner", northport.origin, "--json"),
    )
    agreement_id = json.loads(result.stdout)["agreement_id"]
    cities.clock.now = system_clock()
    cities.settle()
    with northport.database.transaction() as session:
        agreements.sign(session, northport, agreement_id, cities.clock.now)
    cities.settle()
    for node in (lakeside, northport):
        with node.database.transaction() as session:
            status = agreements.status(session, node, agreement_id, cities.clock.now)
            assert status.view.state is AgreementState.IN_FORCE
            adopted = [each.id for each in service.structures(session)]
        assert adopted == ["COMPLETION", "EXITS", "JOBS_Q2"]


def test_a_table_is_written_with_the_choices_of_the_file(
    lakeside: Node, tmp_path: Path
):
    result = made(lakeside, tmp_path, "--json")
    files = [
        Path(each["file"]).name for each in json.loads(result.stdout)["structures"]
    ]
    assert files == ["completion.json", "exits.json", "jobs-q2.json"]
    structure = structure_in(tmp_path / "jobs-q2.json")
    assert [code.id for code in structure.codes("PROGRAMME")] == [
        *("_T", "F06", "WEB-1", "F09", "CARE-2", "_U")
    ]
    assert structure.code_of("PROGRAMME", "care2") == "CARE-2"
    assert [code.id for code in structure.codes("WAGE_BAND")][1:3] == [
        "W_LT800",
        "W800T1599",
    ]


def test_a_file_may_be_json_too(lakeside: Node, tmp_path: Path):
    choices = tmp_path / "choices.json"
    programme = {"id": "P1", "title": {"en": "One"}}
    choices.write_text(json.dumps({"programmes": [programme]}), encoding="utf-8")
    out = tmp_path / "out"
    result = run(structure_app, lakeside, "make", "--choices", choices, "--out", out)
    assert result.exit_code == 0
    assert len(list(out.iterdir())) == 8  # all but the one by wage bands


def test_the_command_line_suffices_and_goes_before_the_file(
    lakeside: Node, tmp_path: Path
):
    only = ("--dataflow", "COMPLETION", "--programme", "P1=One")
    limits = ("--age-limit", 20, "--age-limit", 40, "--equity", "learner.disability")
    out = ("--out", tmp_path / "a")
    assert run(structure_app, lakeside, "make", *only, *limits, *out).exit_code == 0
    (path,) = (tmp_path / "a").iterdir()
    structure = structure_in(path)
    assert [code.id for code in structure.codes("AGE")] == [
        *("_T", "Y_LT20", "Y20T39", "Y_GE40", "_U")
    ]
    assert structure.dimension("EQUITY").source == "learner.disability"
    assert made(lakeside, tmp_path, "--version", "1.2.0", *only).exit_code == 0
    structure = structure_in(tmp_path / "completion.json")
    assert structure.version == "1.2.0"
    assert [code.id for code in structure.codes("PROGRAMME")] == ["_T", "P1", "_U"]


def test_the_same_choices_again_change_nothing_and_others_are_not_written_over(
    lakeside: Node, tmp_path: Path
):
    assert made(lakeside, tmp_path).exit_code == 0
    before = (tmp_path / "exits.json").read_bytes()
    assert made(lakeside, tmp_path).exit_code == 0
    refused = made(lakeside, tmp_path, "--equity", "learner.disability")
    assert refused.exit_code == 1
    assert "has another content already" in refused.stderr
    assert (tmp_path / "exits.json").read_bytes() == before


def test_what_is_made_is_compared_with_what_is_adopted(lakeside: Node, tmp_path: Path):
    made(lakeside, tmp_path, "--dataflow", "EXITS")
    adopt(lakeside, structure_in(tmp_path / "exits.json"))
    assert "as adopted" in made(lakeside, tmp_path, "--dataflow", "EXITS").stdout
    newer = ("--dataflow", "EXITS", "--age-limit", 30)
    small = made(lakeside, tmp_path, *newer, "--version", "1.1.0")
    assert small.exit_code == 1
    assert "does not rise far enough above 1.0.0 for a major change" in small.stderr
    (tmp_path / "exits.json").unlink()
    enough = made(lakeside, tmp_path, *newer, "--version", "2.0.0")
    assert "major change since 1.0.0" in enough.stdout


FAULTS = {
    "no TOML": ("programmes = =", "is not TOML: "),
    "an unknown key": ("nonsense = 1", "nonsense: extra inputs are not permitted"),
    "a title without language": ('programmes = [{id = "A", title = "B"}]', "title: "),
    "no programme": ("", "programmes: field required"),
    "limits that fall": (
        'age_limits = [30, 20]\nprogrammes = [{id = "A", title = {en = "B"}}]',
        "the limits of bands do not rise",
    ),
    "a field that is none": (
        'programmes = [{id = "A", title = {en = "B"}, field = "xx"}]',
        "none of ISCED-F",
    ),
    "an equity group that is none": (
        'equity = "learner.sex"\nprogrammes = [{id = "A", title = {en = "B"}}]',
        "none that tells of an equity group",
    ),
    "a dataflow that is none": (
        'dataflows = ["X"]\nprogrammes = [{id = "A", title = {en = "B"}}]',
        "none of the standard set",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_choices_is_named(lakeside: Node, tmp_path: Path, fault: str):
    text, fact = FAULTS[fault]
    result = made(lakeside, tmp_path, text=text)
    assert result.exit_code == 1
    assert fact in " ".join(result.stderr.split())
    assert "Next: " in result.stderr
    assert not list(tmp_path.glob("*.json"))


@pytest.mark.parametrize(
    ("name", "content", "fact"),
    [
        ("missing.toml", None, "there is no file"),
        ("list.json", b"[]", "is not a JSON object"),
        ("broken.json", b"{", "is not JSON"),
        ("latin.toml", b"\xff", "cannot be read as UTF-8"),
    ],
)
def test_a_file_of_choices_that_is_none_is_named(
    lakeside: Node, tmp_path: Path, name: str, content: bytes | None, fact: str
):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    result = run(structure_app, lakeside, "make", "--choices", path, "--out", tmp_path)
    assert result.exit_code == 1
    assert fact in result.stderr


def test_a_folder_that_cannot_be_written_is_named(lakeside: Node, tmp_path: Path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    arguments = ("make", "--programme", "P1=One", "--out", tmp_path / "file")
    result = run(structure_app, lakeside, *arguments)
    assert result.exit_code == 1
    assert "cannot be" in result.stderr


def test_a_programme_on_the_command_line_has_a_title(lakeside: Node, tmp_path: Path):
    arguments = ("make", "--programme", "P1", "--out", tmp_path)
    result = run(structure_app, lakeside, *arguments)
    assert result.exit_code == 1
    assert "ID=TITLE" in result.stderr


def test_the_list_names_what_was_adopted_and_what_is_proposed(lakeside: Node):
    assert "There is no structure yet" in run(structure_app, lakeside, "list").stdout
    adopt(lakeside, *standard_tables(dataflows=["EXITS", "JOBS_Q2"]))
    with lakeside.database.transaction() as session:
        service.keep(session, bundle_bytes(exits()), lakeside.clock())
    text = run(structure_app, lakeside, "list").stdout
    assert text.count("adopted") == 2
    assert text.count("proposed") == 1
    listed = data(lakeside, "list")["structures"]
    assert [each["adopted"] for each in listed] == [True, True, False]
    assert listed[1]["cohort"] == {"dataflow": "EXITS", "lag": 2}


def test_a_structure_is_shown_with_all_that_it_has(lakeside: Node, tmp_path: Path):
    made(lakeside, tmp_path)
    path = tmp_path / "jobs-q2.json"
    text = run(structure_app, lakeside, "show", path, "--language", "ar").stdout
    for part in (
        "exit.employed, 2 quarters after EXITS",
        "  basis       consent",
        "WAGE_BAND",
        "sensitive, equity group",
        "                CARE-2  Care assistant",
        '"care2" in the registry',
        "800 to below 1600",
        "أساسيات الويب",
        structure_in(path).digest,
    ):
        assert part in text
    facts = data(lakeside, "show", path)
    programmes = facts["dimensions"][1]
    assert programmes["source"] == "programme.code"
    assert {"F06", "WEB-1"} <= {code["id"] for code in programmes["codes"]}


@pytest.mark.parametrize(
    "name",
    ["EXITS", "EXITS(1.0.0)", "INTERURBAN:EXITS", "INTERURBAN:EXITS(1.0.0)", "digest"],
)
def test_a_structure_is_found_by_what_people_call_it(lakeside: Node, name: str):
    (structure,) = standard_tables(dataflows=["EXITS"])
    adopt(lakeside, structure)
    name = structure.digest if name == "digest" else name
    assert data(lakeside, "show", name)["digest"] == structure.digest


def test_a_name_without_version_is_the_newest_adopted_version(lakeside: Node):
    adopt(lakeside, exits(), exits(version="1.10.0"), exits(version="1.9.0"))
    assert data(lakeside, "show", "EXITS")["reference"] == "INTERURBAN:EXITS(1.10.0)"
    older = data(lakeside, "show", "EXITS(1.9.0)")
    assert older["reference"] == "INTERURBAN:EXITS(1.9.0)"


def test_what_is_only_proposed_is_found_by_name_while_it_is_the_only_one(
    lakeside: Node,
):
    def keep(structure: Structure) -> None:
        with lakeside.database.transaction() as session:
            service.keep(session, bundle_bytes(structure), lakeside.clock())

    keep(exits())
    assert data(lakeside, "show", "EXITS")["digest"] == exits().digest
    keep(exits(splits={}))
    result = run(structure_app, lakeside, "show", "EXITS")
    assert result.exit_code == 1
    assert exits().digest in result.stderr
    assert data(lakeside, "show", exits().digest)["digest"] == exits().digest


@pytest.mark.parametrize("name", ["NOTHING", "a b", "(", "sha256:0", "nothing.json"])
def test_what_is_not_there_is_refused(lakeside: Node, name: str):
    result = run(structure_app, lakeside, "show", name)
    assert result.exit_code == 1
    assert result.stderr.startswith("Refused: ")


def test_a_difference_is_shown_and_a_small_step_refused(lakeside: Node, tmp_path: Path):
    adopt(lakeside, exits())
    path = tmp_path / "new.json"
    path.write_bytes(bundle_bytes(exits(version="1.1.0", splits={})))
    result = run(structure_app, lakeside, "diff", "EXITS", path)
    assert result.exit_code == 1
    assert "  major  SEX: dimension removed" in result.stdout
    assert "Series break" in result.stdout
    assert "does not rise far enough" in result.stderr
    path.write_bytes(bundle_bytes(exits(version="2.0.0", splits={})))
    found = data(lakeside, "diff", "EXITS", path)
    assert (found["level"], found["breaks_series"]) == ("major", True)
    assert found["changes"][0]["where"] == "SEX"


def test_no_difference_is_said_too(lakeside: Node):
    adopt(lakeside, exits())
    result = run(structure_app, lakeside, "diff", "EXITS", "EXITS")
    assert result.stdout == "INTERURBAN:EXITS(1.0.0) -> 1.0.0: nothing changed\n"


def test_the_lint_names_every_reason_with_what_to_do(lakeside: Node, tmp_path: Path):
    made(lakeside, tmp_path)
    plan = a_plan_file(tmp_path, lakeside, "completion.json", "jobs-q2.json")
    result = run(structure_app, lakeside, "lint", "--plan", plan)
    assert result.exit_code == 1
    assert "JOBS_Q2: its cohort EXITS is neither in this plan nor" in result.stdout
    assert "Add EXITS to the plan." in result.stdout
    result = run(structure_app, lakeside, "lint", "--plan", plan, "--json")
    (objection,) = json.loads(result.stdout)["objections"]
    assert objection["rule"] == "a cohort counted a second time"


def test_the_lint_keeps_nothing(lakeside: Node, tmp_path: Path):
    made(lakeside, tmp_path)
    plan = a_plan_file(tmp_path, lakeside, "completion.json")
    assert run(structure_app, lakeside, "lint", "--plan", plan).exit_code == 0
    assert data(lakeside, "list")["structures"] == []


def test_the_choices_on_the_page_make_the_whole_set(lakeside: Node, tmp_path: Path):
    page = (DOCS / "structures.md").read_text(encoding="utf-8")
    (choices,) = re.findall(r"^```toml\n(.*?)^```$", page, re.DOTALL | re.MULTILINE)
    out = tmp_path / "plan"
    result = made(lakeside, out.parent, "--out", out, text=choices)
    assert result.exit_code == 0, result.output
    ids = {structure_in(path).id for path in out.iterdir()}
    assert ids == {dataflow.id for dataflow in TRAINING_DATAFLOWS}
    assert all(f"`{each}`" in page for each in ids)
