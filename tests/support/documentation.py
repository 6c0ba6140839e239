"""The parts of docs/ that are made from the code, and putting them into their pages.

A generated part stands between two comments, `<!-- generated: NAME -->` and
`<!-- end of NAME -->`. `python -m tests.support.documentation` writes them anew; the tests
compare them.
"""

import re
import typing
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from enum import EnumType
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel

from interurban_node import cli
from interurban_node.committee import definitions
from interurban_node.core.problems import PROBLEMS
from interurban_node.settings import Settings
from interurban_protocol.agreements import Agreement, Suspension
from interurban_protocol.errors import InterurbanError
from interurban_protocol.messages import MESSAGE_KINDS
from interurban_protocol.node_descriptors import NodeDescriptor
from interurban_protocol.notices import (
    Acknowledgement,
    EndedNotice,
    MessageReceipt,
    ReferenceDelivery,
)
from interurban_protocol.problems import ProblemType
from interurban_protocol.references import ReferenceClaims
from interurban_protocol.release_plans import ReleasePlan
from interurban_protocol.releases import ReleaseManifest
from interurban_protocol.signed_documents import Digest, Moment, Origin
from interurban_protocol.status_lists import StatusListClaims
from tests.support.protocol_example import example_blocks

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_PART = re.compile(
    r"<!-- generated: (?P<name>[\w-]+) -->\n(?P<text>.*?)\n<!-- end of (?P=name) -->",
    re.DOTALL,
)
_NAMED_FORMS: Sequence[tuple[object, str]] = (
    (Moment, "time"),
    (Digest, "digest"),
    (Origin, "origin"),
    (dict[str, str], "object of texts"),
)
_PLAIN_FORMS: Mapping[object, str] = {
    str: "text",
    int: "integer",
    float: "number",
    bool: "true or false",
    date: "day",
}
_DESCRIBED: Mapping[str, type[BaseModel]] = {
    "node-descriptor": NodeDescriptor,
    "agreement": Agreement,
    "release-plan": ReleasePlan,
    "suspension": Suspension,
    "credential-reference": ReferenceDelivery,
    "reference-claims": ReferenceClaims,
    "reference-ended": EndedNotice,
    "acknowledgement": Acknowledgement,
    "message-receipt": MessageReceipt,
    "release-manifest": ReleaseManifest,
    "status-list": StatusListClaims,
}


def pages() -> list[Path]:
    """Every page of the documentation, the ones at the root included."""
    root = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*root, *sorted(DOCS.rglob("*.md"))]


def parts_of(page: Path) -> dict[str, str]:
    """The generated parts of a page, by name, as they stand there."""
    text = page.read_text(encoding="utf-8")
    return {found["name"]: found["text"] for found in _PART.finditer(text)}


def generated() -> Mapping[str, Mapping[str, str]]:
    """The generated parts as the code says they are, by page and name."""
    return {
        "protocol.md": {
            **example_blocks(),
            "message-kinds": message_kinds(),
            **{f"members-{name}": members(m) for name, m in _DESCRIBED.items()},
        },
        "problems.md": {"problems": problems()},
        "settings.md": {"settings": settings()},
        "cli.md": {"commands": commands()},
        "indicators.md": {"indicators": definitions.markdown()},
    }


def rewrite() -> None:
    """Put every generated part into its page."""
    for name, parts in generated().items():
        page = DOCS / name
        text = page.read_text(encoding="utf-8")
        page.write_text(_PART.sub(_with(parts), text), encoding="utf-8")


def _with(parts: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    def replaced(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- generated: {name} -->\n{parts[name]}\n<!-- end of {name} -->"

    return replaced


def message_kinds() -> str:
    """The closed table of message kinds."""
    return _table(
        ("Kind", "About", "Gate before it is sent", "Blocked by a suspension"),
        (
            (f"`{row.kind}`", row.about, row.gate, "yes" if row.discloses else "no")
            for row in MESSAGE_KINDS.values()
        ),
    )


def settings() -> str:
    """Every setting of a node."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "required" if field.is_required() else f"`{_plain(field.default)}`"
        variable = f"`INTERURBAN_{name.upper()}`"
        rows.append((f"`{name}`", variable, default, field.description or ""))
    return _table(("Setting", "Environment variable", "Default", "Meaning"), rows)


def _plain(value: object) -> str:
    text = {True: "true", False: "false"}.get(value, str(value))  # type: ignore[call-overload]  # any default
    return text or '""'


def problems() -> str:
    """Every problem type with the errors that become it and what each advises."""
    errors: dict[str, list[type[InterurbanError]]] = {}
    known: dict[str, ProblemType] = {}
    for error, kind in PROBLEMS.items():
        errors.setdefault(kind.slug, []).append(error)
        known[kind.slug] = kind
    sections = []
    for slug in sorted(known):
        kind = known[slug]
        steps = dict.fromkeys(error.default_next_step for error in errors[slug])
        sections.append(
            "\n".join(
                [
                    f"### {slug}",
                    "",
                    f"**{kind.title}.** Status {kind.status}, `{kind.uri}`.",
                    "",
                    f"- Rule: {kind.rule}",
                    *(f"- Next step: {step}" for step in steps),
                ]
            )
        )
    return "\n\n".join(sections)


def commands() -> str:
    """Every command with its help, arguments and options."""
    return "\n\n".join(
        section
        for name in cli.COMMANDS
        for section in _command_sections(f"interurban {name}", cli.command(name))
    )


def command_names() -> set[str]:
    """Every command and group, as typed."""
    names: set[str] = set()
    for name in cli.COMMANDS:
        names |= _names(f"interurban {name}", cli.command(name))
    return names


def _names(path: str, command: Any) -> set[str]:
    below = getattr(command, "commands", {}).items()
    return {path}.union(*(_names(f"{path} {name}", verb) for name, verb in below))


def _command_sections(path: str, command: Any) -> list[str]:
    verbs = getattr(command, "commands", None)
    if verbs is None:
        return [_command_section(f"### {path}", command)]
    head = f"## {path}\n\n{_help(command)}"
    below = [_command_sections(f"{path} {name}", verb) for name, verb in verbs.items()]
    return [head, *(section for sections in below for section in sections)]


def _command_section(heading: str, command: Any) -> str:
    own = [p for p in command.params if p.name not in ("home", "as_json", "help")]
    table = _table(("Argument or option", "Default", "Meaning"), map(_parameter, own))
    return "\n\n".join([heading, _help(command), *([table] if own else [])])


def _help(command: Any) -> str:
    lines = (command.help or "").strip().split("\n")
    return "\n".join(line.strip() for line in lines)


def _parameter(parameter: Any) -> tuple[str, str, str]:
    default = parameter.default
    shown = "" if default in (None, "", False) else f"`{default}`"
    if parameter.required:
        shown = "required"
    return f"`{_usage(parameter)}`", shown, parameter.help or ""


def _usage(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return str(parameter.metavar or parameter.name.upper())
    names = ", ".join([*parameter.opts, *parameter.secondary_opts])
    if parameter.is_flag:
        return names
    annotation = parameter.type_descriptor.annotation
    if isinstance(annotation, EnumType):
        return f"{names} {'|'.join(member.value for member in annotation)}"  # type: ignore[attr-defined]  # StrEnum
    return f"{names} {parameter.name.upper()}"


def members(model: type[BaseModel]) -> str:
    """The members of a payload, and of what stands inside it."""
    rows: list[tuple[str, str]] = []
    _describe(model, "", rows)
    return _table(("Member", "Form"), rows)


def _describe(model: type[BaseModel], prefix: str, rows: list[tuple[str, str]]) -> None:
    hints = typing.get_type_hints(model, include_extras=True)
    for name in model.model_fields:
        form, nested, is_list = _form(hints[name])
        path = f"{prefix}{name}"
        rows.append((f"`{path}`", form))
        if nested is not None:
            _describe(nested, f"{path}[]." if is_list else f"{path}.", rows)


def _form(hint: Any) -> tuple[str, type[BaseModel] | None, bool]:
    """What a member holds, in words; the model inside it; whether it is a list of them."""
    for named, words in _NAMED_FORMS:
        if hint == named:
            return words, None, False
    inner = typing.get_args(hint)
    if inner:
        return _compound_form(typing.get_origin(hint), inner)
    if isinstance(hint, EnumType):
        return _choice(list(hint)), None, False
    if issubclass(hint, BaseModel):
        return "object", hint, False
    return _PLAIN_FORMS[hint], None, False


def _compound_form(
    origin: Any, inner: Sequence[Any]
) -> tuple[str, type[BaseModel] | None, bool]:
    if origin is Literal:
        return _choice(inner), None, False
    form, nested, is_list = _form(inner[0])
    if origin is tuple:
        return f"list of {form}", nested, True
    if origin is Annotated:
        return form, nested, is_list
    return f"{form}, optional", nested, is_list  # X | None


def _choice(values: Iterable[object]) -> str:
    return " or ".join(f"`{value}`" for value in values)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines
    )


def _cell(text: str) -> str:
    return " ".join(str(text).split()).replace("|", "\\|")


if __name__ == "__main__":
    rewrite()
