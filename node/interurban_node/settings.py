"""Everything that can be set, with its default and what it is for.

Settings come from `interurban.toml` in the node's home, and environment variables with the
prefix `INTERURBAN_` override them. They are read once and passed down; no feature reads the
environment by itself. `docs/settings.md` is checked against this file.
"""

import json
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

SETTINGS_FILE = "interurban.toml"


class Settings(BaseSettings):
    """The settings of one node."""

    model_config = SettingsConfigDict(
        env_prefix="INTERURBAN_", extra="forbid", frozen=True
    )

    origin: str = Field(
        description="The node's public address, scheme and host and port, without a path. "
        "It is the node's identity and cannot change later.",
        pattern=r"^https?://[a-z0-9.-]+(:[1-9][0-9]{0,4})?$",
    )
    name: dict[str, str] = Field(description="The city's name, by language code.")
    demo: bool = Field(
        default=False,
        description="A demonstration: loopback and plain HTTP only, and no partner that is "
        "not a demonstration too.",
    )
    bind_host: str = Field(default="127.0.0.1", description="Where `serve` listens.")
    bind_port: int = Field(
        default=8100, ge=1, le=65535, description="The port on which it listens."
    )
    database_url: str = Field(
        default="",
        description="An SQLAlchemy address. Empty: the SQLite file node.db in the home. "
        "Production: postgresql+psycopg://…",
    )
    max_body_bytes: int = Field(
        default=1_000_000, description="The largest request body that is read."
    )
    default_language: Literal["en", "ar"] = Field(
        default="en",
        description="The language of pages when the browser asks for none.",
    )
    build_releases: bool = Field(
        default=False,
        description="Whether releases are built by themselves when they are due, gate "
        "included. Otherwise an operator builds them.",
    )
    tick_seconds: float = Field(
        default=30.0,
        description="How often notices and other outgoing messages are sent, as a batch.",
    )
    session_minutes: int = Field(
        default=15, description="How long a sign-in lasts without activity."
    )
    partner_timeout_seconds: float = Field(
        default=10.0, description="How long a partner may take to answer one request."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="What is written to the log, on standard error."
    )
    shrink_guard_percent: int = Field(
        default=50,
        ge=1,
        le=100,
        description="A sync that would remove more than this share of a table's records "
        "stops and asks.",
    )
    quarantine_days: int = Field(
        default=90, description="How long rejected rows are kept, encrypted."
    )

    @field_validator("name")
    @classmethod
    def _some_name(cls, value: dict[str, str]) -> dict[str, str]:
        if not value:
            raise ValueError("give the city's name in at least one language")
        if any(len(name) > 100 or not name.isprintable() for name in value.values()):
            raise ValueError("a name has at most 100 characters, all printable")
        return value

    @property
    def secure(self) -> bool:
        """Whether the node's address is HTTPS, so that cookies are `Secure`."""
        return self.origin.startswith("https://")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments first, then the environment, then the file of `load_settings`."""
        del dotenv_settings, file_secret_settings
        path = cls.model_config.get("toml_file")
        file = (TomlConfigSettingsSource(settings_cls, path),) if path else ()
        return (init_settings, env_settings, *file)


def load_settings(home: Path) -> Settings:
    """The settings in the home's file, overridden by the environment.

    Raises:
        ValueError: the file is missing or a setting is wrong; the message names it.
    """
    path = home / SETTINGS_FILE
    if not path.is_file():
        raise ValueError(f"there is no {SETTINGS_FILE} in {home}")
    reader = type(
        "FileSettings",
        (Settings,),
        {
            "model_config": SettingsConfigDict(
                **{**Settings.model_config, "toml_file": path}
            )
        },
    )
    try:
        settings = reader()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{path}: {where}: {first['msg']}") from error
    return Settings.model_construct(**dict(settings))


def settings_text(settings: Settings) -> str:
    """The settings as a TOML file, each with its description above it."""
    lines: list[str] = []
    for key, field in Settings.model_fields.items():
        value = getattr(settings, key)
        lines += [f"# {field.description}", f"{key} = {_toml(value)}", ""]
    return "\n".join(lines)


def _toml(value: object) -> str:
    if isinstance(value, dict):
        members = ", ".join(
            f"{_toml(name)} = {_toml(text)}" for name, text in value.items()
        )
        return f"{{ {members} }}"
    return json.dumps(value, ensure_ascii=False)
