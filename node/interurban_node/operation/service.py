"""Making a node's home, its first descriptor and its database."""

import shutil
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path

from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError

from interurban_node.audit.service import record_irrevocable
from interurban_node.core.context import Node, open_node
from interurban_node.core.database import Database
from interurban_node.core.errors import ConfigurationError
from interurban_node.core.home import (
    KEY_FILES,
    Home,
    load_keys,
    make_keys,
    write_private,
)
from interurban_node.core.identifiers import Identifiers
from interurban_node.core.journal import Irrevocable
from interurban_node.core.schema import upgrade
from interurban_node.partners.rules import is_loopback
from interurban_node.partners.service import descriptor_file
from interurban_node.settings import SETTINGS_FILE, Settings, settings_text
from interurban_protocol.keys import Purpose
from interurban_protocol.node_descriptors import (
    PROTOCOL_VERSION,
    Limits,
    NodeDescriptor,
    describe_key,
    sign_descriptor,
)
from interurban_protocol.signed_documents import Signer

_ORIGIN_FORM = (
    "origin: scheme and host in small letters, as in https://data.lakeside.example, "
    "without a path and without a slash at the end"
)


def first_settings(
    *, origin: str, names: Sequence[str], port: int, database_url: str, demo: bool
) -> Settings:
    """The settings that `init` writes.

    Raises:
        ConfigurationError: a setting is wrong; the message names it.
    """
    pairs = [name.partition("=") for name in names]
    if len({language for language, _, _ in pairs}) != len(pairs):
        raise ConfigurationError(
            "a language has two names", next_step="Give --name once for each language."
        )
    if any(not language or not name for language, _, name in pairs):
        raise ConfigurationError(
            "a name is given as LANGUAGE=NAME", next_step="--name en=Lakeside"
        )
    try:
        settings = Settings(
            origin=origin,
            name={language: name for language, _, name in pairs},
            bind_port=port,
            database_url=database_url,
            demo=demo,
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        fact = _ORIGIN_FORM if where == "origin" else f"{where}: {first['msg'].lower()}"
        raise ConfigurationError(
            fact, next_step="See `interurban init --help`."
        ) from error
    _check_address(settings)
    return settings


def _check_address(settings: Settings) -> None:
    if settings.demo and not is_loopback(settings.origin):
        raise ConfigurationError(
            "a demonstration node lives on this machine only",
            next_step="--origin http://127.0.0.1:8101",
        )
    if not settings.demo and not settings.secure:
        raise ConfigurationError(
            "a node's address is HTTPS; only a demonstration (--demo) is plain HTTP",
            next_step="Put a reverse proxy with a certificate in front; see docs/operators.md.",
        )


def make_home(
    path: Path,
    settings: Settings,
    now: datetime,
    upgrade: Callable[[Database], None] = upgrade,
) -> None:
    """Make a node: folder, settings, keys, descriptor, database, journal.

    Raises:
        ConfigurationError: the folder holds something already, or the database does not
            answer; nothing is left behind then.
    """
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise ConfigurationError(
            f"{path} is not an empty folder",
            next_step="Choose an empty folder as --home.",
        )
    _make_folder(path)
    home = Home(path)
    make_keys(home, Identifiers())
    write_private(path / SETTINGS_FILE, settings_text(settings).encode())
    document = sign_descriptor(
        first_descriptor(home, settings, now), home.load_identity()
    )
    write_private(descriptor_file(path), document)
    try:
        _make_database(path, now, upgrade)
    except SQLAlchemyError as error:
        shutil.rmtree(path)
        raise ConfigurationError(
            "the database does not answer as expected",
            next_step="Check --database-url, and that the database exists and is empty.",
        ) from error


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    except OSError as error:
        raise ConfigurationError(
            f"the folder {path} cannot be made",
            next_step="Choose a folder of your own.",
        ) from error


def first_descriptor(home: Home, settings: Settings, now: datetime) -> NodeDescriptor:
    """The payload of descriptor number 0, with the home's fresh keys."""
    keys = load_keys(home)
    identity = home.load_identity().public
    described = tuple(
        describe_key(settings.origin, purpose, getattr(keys, name), valid_from=now)
        for name, purpose, _ in KEY_FILES
        if purpose is not Purpose.IDENTITY
    )
    return NodeDescriptor(
        signers=(Signer(node=settings.origin, key_id=identity.key_id),),
        protocol_versions=(PROTOCOL_VERSION,),
        node=settings.origin,
        name=settings.name,
        demo=settings.demo,
        number=0,
        issued_at=now,
        identity=identity.jwk(),
        keys=described,
        limits=Limits(max_body=settings.max_body_bytes),
    )


def _make_database(
    path: Path, now: datetime, upgrade: Callable[[Database], None]
) -> None:
    node = open_node(path)
    try:
        if node.database.is_sqlite:
            node.home.database_file.touch(mode=0o600)
        upgrade(node.database)
        note_first_keys(node, now)
    finally:
        node.close()


def note_first_keys(node: Node, now: datetime) -> None:
    """Begin the one-way journal with the keys that the node starts with."""
    with node.database.transaction() as session:
        facts = {
            name: getattr(node.keys, name).public.key_id for name, _, _ in KEY_FILES
        }
        record_irrevocable(session, node, Irrevocable.KEY_EVENT, facts, now)
