"""Making a node: everything that it needs, in an empty folder, or nothing."""

import stat
from pathlib import Path

import pytest

from interurban_node.audit.service import check_not_recovering
from interurban_node.core.context import open_node
from interurban_node.core.errors import ConfigurationError
from interurban_node.core.home import KEY_FILES
from interurban_node.core.journal import Irrevocable
from interurban_node.core.schema import newest_version, present_version
from interurban_node.operation import service
from interurban_node.partners.service import own_descriptor
from interurban_node.settings import SETTINGS_FILE, Settings
from tests.support.nodes import START

ORIGIN = "https://lakeside.example"


def settings(**changes: object) -> Settings:
    values = {
        "origin": ORIGIN,
        "names": ["en=Lakeside", "ar=ليك سايد"],
        "port": 8100,
        "database_url": "",
        "demo": False,
        **changes,
    }
    return service.first_settings(**values)  # type: ignore[arg-type]


def test_a_new_home_holds_all_that_a_node_needs(tmp_path: Path):
    path = tmp_path / "home"
    service.make_home(path, settings(), START)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    node = open_node(path)
    descriptor = own_descriptor(node)
    assert (descriptor.payload.number, descriptor.payload.node) == (0, ORIGIN)
    assert descriptor.payload.name == {"en": "Lakeside", "ar": "ليك سايد"}
    announced = {entry.key.key_id for entry in descriptor.key_set.keys}
    assert announced == {
        getattr(node.keys, name).public.key_id for name, _, _ in KEY_FILES
    }
    assert descriptor.identity == node.home.load_identity().public
    (first,) = node.journal.entries()
    assert first.kind is Irrevocable.KEY_EVENT
    assert set(first.facts.values()) == announced
    assert present_version(node.database) == newest_version()
    with node.database.transaction() as session:
        check_not_recovering(session, node)
    node.close()


def test_an_empty_folder_becomes_a_home_and_is_closed_to_others(tmp_path: Path):
    path = tmp_path / "home"
    path.mkdir(mode=0o755)
    service.make_home(path, settings(), START)
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert (path / SETTINGS_FILE).is_file()


@pytest.mark.parametrize("kind", ["file in it", "home", "file"])
def test_a_folder_with_something_in_it_is_left_as_it_is(tmp_path: Path, kind: str):
    path = tmp_path / "home"
    match kind:
        case "file in it":
            path.mkdir()
            (path / "letter").write_text("dear")
        case "home":
            service.make_home(path, settings(), START)
        case _:
            path.write_text("dear")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ConfigurationError, match="not an empty folder"):
        service.make_home(path, settings(), START)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"origin": "http://lakeside.example"}, "HTTPS"),
        ({"origin": "http://127.0.0.1:8101"}, "HTTPS"),
        ({"origin": ORIGIN, "demo": True}, "this machine only"),
        ({"origin": "https://lakeside.example/"}, "origin"),
        ({"origin": "lakeside.example"}, "origin"),
        ({"origin": ORIGIN + "\n"}, "origin"),
        ({"names": ["Lakeside"]}, "LANGUAGE=NAME"),
        ({"names": ["=Lakeside"]}, "LANGUAGE=NAME"),
        ({"names": ["en="]}, "LANGUAGE=NAME"),
        ({"names": []}, "name"),
    ],
)
def test_a_wrong_setting_is_refused_before_anything_is_made(changes, match: str):
    with pytest.raises(ConfigurationError, match=match):
        settings(**changes)


def test_a_demonstration_may_live_on_this_machine_over_http():
    assert settings(origin="http://127.0.0.1:8101", demo=True).secure is False


def test_a_database_that_does_not_answer_leaves_nothing_behind(tmp_path: Path):
    home = tmp_path / "home"
    settings = service.first_settings(
        origin="https://lakeside.example",
        names=["en=Lakeside"],
        port=8100,
        database_url="postgresql+psycopg://nobody@127.0.0.1:1/nothing",
        demo=False,
    )
    with pytest.raises(ConfigurationError, match="does not answer"):
        service.make_home(home, settings, START)
    assert not home.exists()
