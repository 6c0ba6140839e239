"""A node's home: one folder with settings, keys, secrets, database and journal.

::

    interurban.toml          settings
    identity/identity.pem    the offline identity key; may be moved away after `init`
    keys/<purpose>.pem       working keys, one file each
    secrets/<name>.key       32 random bytes each, never leaving the node
    node.db                  the embedded database
    journal.jsonl            what must never be undone; outside the database and its backup

Keys and secrets have mode 0600, their folders 0700.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from interurban_node.core.errors import ConfigurationError
from interurban_node.core.identifiers import Identifiers
from interurban_protocol.errors import MalformedError
from interurban_protocol.keys import Algorithm, PrivateKey, Purpose

KEY_FILES: tuple[tuple[str, Purpose, Algorithm], ...] = (
    ("exchange", Purpose.EXCHANGE, Algorithm.ED25519),
    ("documents", Purpose.DOCUMENTS, Algorithm.ED25519),
    ("credentials", Purpose.CREDENTIALS, Algorithm.ED25519),
    ("references", Purpose.CREDENTIALS, Algorithm.ES256),
    ("status", Purpose.STATUS, Algorithm.ES256),
    ("log", Purpose.LOG, Algorithm.ED25519),
)
SECRET_NAMES = ("pseudonym", "record", "pairwise", "vault", "cookie")


@dataclass(frozen=True, slots=True)
class Home:
    """The paths in a node's home."""

    path: Path

    @property
    def identity_file(self) -> Path:
        """The offline identity key."""
        return self.path / "identity" / "identity.pem"

    @property
    def journal_file(self) -> Path:
        """The one-way journal."""
        return self.path / "journal.jsonl"

    @property
    def database_file(self) -> Path:
        """The embedded database."""
        return self.path / "node.db"

    def key_file(self, name: str) -> Path:
        """A working key."""
        return self.path / "keys" / f"{name}.pem"

    def secret_file(self, name: str) -> Path:
        """A secret of 32 bytes."""
        return self.path / "secrets" / f"{name}.key"

    def load_identity(self) -> PrivateKey:
        """The identity key, where it is still in the home.

        Raises:
            ConfigurationError: it was moved away, as it should be, or cannot be read.
        """
        return _load_key(self.identity_file)


@dataclass(frozen=True, slots=True, repr=False)
class NodeKeys:
    """The working keys and secrets, loaded. Its repr shows nothing."""

    exchange: PrivateKey
    documents: PrivateKey
    credentials: PrivateKey
    references: PrivateKey
    status: PrivateKey
    log: PrivateKey
    pseudonym: bytes  # person id -> learner_ref
    record: bytes  # learner and period -> record key of the cell-key method
    pairwise: bytes  # learner and partner -> subject of a reference
    vault: bytes  # encrypts identities and quarantined rows
    cookie: bytes  # hashes sign-in codes, sessions and tokens

    def __repr__(self) -> str:
        return "NodeKeys(…)"


def make_keys(home: Home, identifiers: Identifiers) -> None:
    """Write fresh keys and secrets into an empty home.

    Raises:
        ConfigurationError: a file is there already; nothing is overwritten.
    """
    for folder in ("identity", "keys", "secrets"):
        (home.path / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
    identity = PrivateKey.from_random(Algorithm.ED25519, identifiers.random_bytes(48))
    write_private(home.identity_file, identity.to_pem())
    for name, _, algorithm in KEY_FILES:
        key = PrivateKey.from_random(algorithm, identifiers.random_bytes(48))
        write_private(home.key_file(name), key.to_pem())
    for name in SECRET_NAMES:
        write_private(home.secret_file(name), identifiers.random_bytes(32))


def load_keys(home: Home) -> NodeKeys:
    """The working keys and secrets of a home.

    Raises:
        ConfigurationError: a file is missing, readable by others, or no key.
    """
    keys = {name: _load_key(home.key_file(name)) for name, _, _ in KEY_FILES}
    return NodeKeys(
        exchange=keys["exchange"],
        documents=keys["documents"],
        credentials=keys["credentials"],
        references=keys["references"],
        status=keys["status"],
        log=keys["log"],
        pseudonym=_load_secret(home, "pseudonym"),
        record=_load_secret(home, "record"),
        pairwise=_load_secret(home, "pairwise"),
        vault=_load_secret(home, "vault"),
        cookie=_load_secret(home, "cookie"),
    )


def write_private(path: Path, content: bytes) -> None:
    """Write a new file that only its owner can read.

    Raises:
        ConfigurationError: the file exists.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ConfigurationError(
            f"{path} exists already",
            next_step="Choose another name, or move the old file away.",
        ) from error
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)


def read_private(path: Path) -> bytes:
    """The content of a file that must be readable by its owner only.

    Raises:
        ConfigurationError: missing, or readable by group or others.
    """
    try:
        mode = path.stat().st_mode
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read",
            next_step="Restore it from the keys' backup, or give --home the right folder.",
        ) from error
    if mode & 0o077:
        raise ConfigurationError(
            f"{path} is readable by others than its owner",
            next_step=f"chmod 600 {path}",
        )
    return content


def _load_key(path: Path) -> PrivateKey:
    try:
        return PrivateKey.from_pem(read_private(path))
    except MalformedError as error:
        raise ConfigurationError(
            f"{path} holds no key that this node can use",
            next_step="Restore it from the keys' backup.",
        ) from error


def _load_secret(home: Home, name: str) -> bytes:
    secret = read_private(home.secret_file(name))
    if len(secret) != 32:
        raise ConfigurationError(
            f"{home.secret_file(name)} is not 32 bytes long",
            next_step="Restore it from the keys' backup.",
        )
    return secret
