"""Settings from file and environment, and a home that nobody else can read."""

import stat
from pathlib import Path

import pytest

from interurban_node.core.context import open_node
from interurban_node.core.errors import ConfigurationError
from interurban_node.core.home import (
    KEY_FILES,
    SECRET_NAMES,
    Home,
    load_keys,
    make_keys,
    read_private,
    write_private,
)
from interurban_node.core.identifiers import Identifiers
from interurban_node.settings import (
    SETTINGS_FILE,
    Settings,
    load_settings,
    settings_text,
)
from interurban_protocol.keys import Algorithm, PrivateKey

ORIGIN = "https://lakeside.example"


def some_settings(**changes: object) -> Settings:
    return Settings(**{"origin": ORIGIN, "name": {"en": "Lakeside"}, **changes})


def written(folder: Path, text: str) -> Path:
    (folder / SETTINGS_FILE).write_text(text, encoding="utf-8")
    return folder


def test_what_init_writes_is_what_is_read(tmp_path: Path):
    settings = some_settings(
        name={"en": 'The "Lake" \\ side', "ar": "ليك سايد", "zh-Hant": "湖"},
        demo=True,
        bind_port=8101,
        tick_seconds=0.5,
        database_url="postgresql+psycopg://user:p%40ss@host/db",
    )
    assert load_settings(written(tmp_path, settings_text(settings))) == settings


def test_every_setting_stands_in_the_file_with_what_it_is_for():
    text = settings_text(some_settings())
    for name, field in Settings.model_fields.items():
        assert f"# {field.description}\n{name} = " in text


def test_the_environment_overrides_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    written(tmp_path, settings_text(some_settings()))
    monkeypatch.setenv("INTERURBAN_SESSION_MINUTES", "5")
    monkeypatch.setenv("INTERURBAN_LOG_LEVEL", "debug")
    found = load_settings(tmp_path)
    assert (found.session_minutes, found.log_level) == (5, "debug")


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('origin = "https://a.example/path"\nname = {en = "A"}', "origin"),
        ('origin = "ftp://a.example"\nname = {en = "A"}', "origin"),
        ('origin = "https://A.example"\nname = {en = "A"}', "origin"),
        ('origin = "https://a.example"\nname = {}', "name"),
        ('origin = "https://a.example"', "name"),
        (
            'origin = "https://a.example"\nname = {en = "A"}\nlog_level = "loud"',
            "log_level",
        ),
        ('origin = "https://a.example"\nname = {en = "A"}\ncolour = 1', "colour"),
        (
            'origin = "https://a.example"\nname = {en = "A"}\nshrink_guard_percent = 0',
            "shrink_guard_percent",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_its_file(tmp_path: Path, text: str, named: str):
    with pytest.raises(ValueError, match=f"{SETTINGS_FILE}: {named}: "):
        load_settings(written(tmp_path, text))


@pytest.mark.parametrize("text", [None, "origin = ", "\x00"])
def test_a_home_without_readable_settings_is_a_configuration_error(
    tmp_path: Path, text: str | None
):
    if text is not None:
        written(tmp_path, text)
    with pytest.raises(ConfigurationError) as caught:
        open_node(tmp_path)
    assert ("interurban init" in caught.value.next_step) is (text is None)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    found = Home(tmp_path / "home")
    make_keys(found, Identifiers())
    return found


def test_folders_and_files_of_secrets_are_closed_to_others(home: Home):
    files = [
        home.identity_file,
        *(home.key_file(name) for name, _, _ in KEY_FILES),
        *(home.secret_file(name) for name in SECRET_NAMES),
    ]
    for path in files:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_keys_are_of_their_algorithm_and_all_different(home: Home):
    keys = load_keys(home)
    for name, _, algorithm in KEY_FILES:
        assert getattr(keys, name).algorithm is algorithm
    ids = {getattr(keys, name).public.key_id for name, _, _ in KEY_FILES}
    assert len(ids | {home.load_identity().public.key_id}) == len(KEY_FILES) + 1
    assert len({getattr(keys, name) for name in SECRET_NAMES}) == len(SECRET_NAMES)
    assert repr(keys) == "NodeKeys(…)"


def test_keys_are_never_overwritten(home: Home):
    before = home.identity_file.read_bytes()
    with pytest.raises(ConfigurationError, match="exists already"):
        make_keys(home, Identifiers())
    assert home.identity_file.read_bytes() == before


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_can_touch_is_refused(home: Home, mode: int):
    home.key_file("exchange").chmod(mode)
    with pytest.raises(ConfigurationError, match="readable by others") as caught:
        load_keys(home)
    assert caught.value.next_step.startswith("chmod 600 ")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"garbage",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    ],
)
def test_a_key_file_that_holds_no_key_is_named(home: Home, content: bytes):
    home.key_file("exchange").write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"exchange\.pem holds no key"):
        load_keys(home)


def test_a_missing_key_and_a_short_secret_are_named(home: Home):
    home.secret_file("vault").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="not 32 bytes"):
        load_keys(home)
    home.key_file("log").unlink()
    with pytest.raises(ConfigurationError, match=r"log\.pem cannot be read"):
        load_keys(home)


def test_an_identity_key_that_was_moved_away_is_missing_when_it_is_wanted(home: Home):
    home.identity_file.unlink()
    load_keys(home)
    with pytest.raises(ConfigurationError, match="cannot be read"):
        home.load_identity()


def test_a_private_file_is_written_once(tmp_path: Path):
    path = tmp_path / "file"
    write_private(path, b"1")
    with pytest.raises(ConfigurationError):
        write_private(path, b"2")
    assert read_private(path) == b"1"


def test_a_key_goes_through_its_file_unchanged(tmp_path: Path):
    for algorithm in Algorithm:
        key = PrivateKey.from_random(algorithm, bytes(range(48)))
        assert PrivateKey.from_pem(key.to_pem()) == key
