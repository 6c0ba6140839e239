"""The command line: help everywhere, the same options everywhere, and exit codes."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from interurban_node import cli
from interurban_node.operation import service as operation
from interurban_node.settings import Settings
from tests.support.nodes import START, make_schema


def leaves(name: str) -> list[tuple[str, ...]]:
    """The commands under a name of the table: itself, or each of its group."""
    return _leaves((name,), cli.command(name))


def _leaves(path: tuple[str, ...], command: Any) -> list[tuple[str, ...]]:
    below = getattr(command, "commands", None)
    if not below:
        return [path]
    return [
        leaf for name, verb in below.items() for leaf in _leaves((*path, name), verb)
    ]


EVERY = [leaf for name in cli.COMMANDS for leaf in leaves(name)]


def run(*arguments: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    out, error = capsys.readouterr()
    code = caught.value.code
    return (code if isinstance(code, int) else int(bool(code))), out, error


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    settings = Settings(
        origin="http://127.0.0.1:8199", name={"en": "Toy"}, demo=True, bind_port=8199
    )
    operation.make_home(path, settings, START, upgrade=make_schema)
    return path


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_of_the_table_has_help(name: str, capsys):
    code, out, _ = run(name, "--help", capsys=capsys)
    assert code == 0
    assert f"interurban {name}" in out


@pytest.mark.parametrize("leaf", EVERY, ids=" ".join)
def test_every_command_has_help_and_takes_home_and_json(leaf: tuple[str, ...], capsys):
    code, out, _ = run(*leaf, "--help", capsys=capsys)
    assert code == 0
    assert "--json" in out
    assert "--home" in out


def test_the_help_of_the_root_names_every_command(capsys):
    code, out, _ = run("--help", capsys=capsys)
    assert code == 0
    for name, place in cli.COMMANDS.items():
        assert name in out
        assert place.help in out


def test_the_version_is_that_of_the_distribution(capsys):
    code, out, _ = run("--version", capsys=capsys)
    assert code == 0
    assert out.startswith("interurban ")


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("nonsense",),
        ("doctor", "--nonsense"),
        ("partner", "nonsense"),
        ("partner", "join"),
        ("agreement", "propose", "--plan", "x", "--partner", "y", "--days", "0"),
        ("init",),
    ],
    ids=" ".join,
)
def test_a_usage_error_is_exit_2(arguments: tuple[str, ...], capsys):
    assert run(*arguments, capsys=capsys)[0] == 2


def test_a_mistyped_command_is_answered_with_the_one_that_was_meant(capsys):
    code, _, error = run("agrement", "show", capsys=capsys)
    assert code == 2
    assert "There is no command 'agrement'. Did you mean `agreement`?" in error
    assert "Did you mean" not in run("xyzzy", capsys=capsys)[2]


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_no_command_offers_to_change_the_shell(name: str, capsys):
    assert "--install-completion" not in run(name, "--help", capsys=capsys)[1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("partner", "list"), "No other node was met yet."),
        (("plan", "show"), "There is no plan yet."),
        (("agreement", "show"), "No agreement yet."),
        (("evidence", "list"), "No exchange is kept yet."),
        (("consent", "show"), "No question was asked yet."),
        (("registry", "status"), "No source was synced yet."),
        (("registry", "quarantine"), "No refused row."),
        (("reference", "list"), "No reference was sent or received yet."),
        (("account", "tokens"), "No token was made yet."),
        (
            ("credential", "issue", "--all"),
            "Nothing new to issue, 0 were there before.",
        ),
    ],
)
def test_an_empty_list_says_so(
    home: Path, arguments: tuple[str, ...], sentence: str, capsys
):
    code, out, _ = run(*arguments, "--home", str(home), capsys=capsys)
    assert code == 0
    assert sentence in out.splitlines()


def test_what_is_refused_is_exit_1_with_message_and_next_step(tmp_path: Path, capsys):
    code, out, error = run("doctor", "--home", str(tmp_path), capsys=capsys)
    assert (code, out) == (1, "")
    assert error.startswith("Refused: ")
    assert "Next: " in error


def test_with_json_a_refusal_is_a_problem_document(tmp_path: Path, capsys):
    code, out, error = run("doctor", "--home", str(tmp_path), "--json", capsys=capsys)
    assert (code, error) == (1, "")
    problem = json.loads(out)
    assert problem["type"] == "urn:interurban:problem:configuration"
    assert problem["next_step"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("partner", "join", "https://[::1/x#invitation=y"),
        ("partner", "join", "nonsense"),
        ("partner", "join", "http://exa mple/.well-known/interurban-node#invitation=x"),
        ("partner", "confirm", "--words", "wrong"),
        ("agreement", "show", "none"),
        ("agreement", "sign", "none"),
        ("plan", "show", "none"),
        ("plan", "propose", "nowhere.toml"),
    ],
    ids=" ".join,
)
def test_wrong_input_is_a_refusal_and_never_a_traceback(
    home: Path, arguments: tuple[str, ...], capsys
):
    code, out, _ = run(*arguments, "--home", str(home), "--json", capsys=capsys)
    assert code == 1
    assert json.loads(out)["next_step"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("partner", "list"),
        ("partner", "invite"),
        ("plan", "show"),
        ("agreement", "show"),
        ("evidence", "list"),
        ("evidence", "verify"),
        ("release", "pull"),
    ],
    ids=" ".join,
)
def test_with_json_standard_output_is_json_alone(
    home: Path, arguments: tuple[str, ...], capsys
):
    code, out, error = run(*arguments, "--home", str(home), "--json", capsys=capsys)
    assert (code, error) == (0, "")
    assert isinstance(json.loads(out), dict)
    code, out, _ = run(*arguments, "--home", str(home), capsys=capsys)
    assert code == 0
    assert out


def test_help_loads_neither_the_web_framework_nor_the_database():
    """It has to be quick, and those are not."""
    check = (
        "import sys\nfrom interurban_node import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'fastapi', 'sqlalchemy', 'alembic', 'httpx', 'numpy'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Commands:" in done.stdout


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_the_module_of_a_command_loads_nothing_heavy_until_it_is_run(name: str):
    place = cli.COMMANDS[name]
    check = (
        f"import sys, interurban_node.{place.module}\n"
        "heavy = {'fastapi', 'sqlalchemy', 'alembic', 'httpx'} & set(sys.modules)\n"
        "sys.exit(f'loaded {sorted(heavy)}' if heavy else 0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", check], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
