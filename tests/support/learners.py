"""Builders for consent: a city with a question, answers, and papers from a registry."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from interurban_node.consent import service
from interurban_node.consent.rules import NamedRecipient, QuestionDraft, standard_draft
from interurban_node.core.context import Node
from interurban_protocol.consent_records import (
    Actor,
    ActorKind,
    Channel,
    ConsentState,
    Scope,
)

NORTHPORT = "https://northport.example"
EASTVALE = "https://eastvale.example"
PURPOSE = "programme-evaluation"
WORDS = "bidab dobag fabul gimeb hasod jitup kanin lopar"
NAMES: Mapping[str, Mapping[str, str]] = {
    NORTHPORT: {"en": "Northport", "ar": "نورث بورت"},
    EASTVALE: {"en": "Eastvale", "ar": "إيست فيل"},
}
ME = Actor(kind=ActorKind.SELF)
ANNA = "Laaaaaaaaaaaaaaaaaaaaaaaaaa"
BILAL = "Lbbbbbbbbbbbbbbbbbbbbbbbbbb"
CERTIFICATE = "urn:uuid:5f3e8c52-9d1a-4a60-8a8e-0f6b1a5d7c11"
OTHER_CERTIFICATE = "urn:uuid:11111111-9d1a-4a60-8a8e-0f6b1a5d7c11"

MAPPING = """
name = "Paper office"

[consent]
table = "consents.csv"
key = ["sheet"]

[consent.fields]
person_id = { column = "person" }
question = { column = "question" }
answer = { column = "answer" }
signed_on = { column = "signed_on" }
evidence_id = { column = "sheet" }
recipients = { column = "recipients" }
"""


def a_draft(
    scope: Scope = Scope.AGGREGATES,
    recipients: Sequence[str] = (NORTHPORT, EASTVALE),
    *,
    days: int = 365,
    purpose: str = PURPOSE,
) -> QuestionDraft:
    """The standard question for these cities."""
    return standard_draft(
        scope,
        purpose=purpose,
        city={"en": "Lakeside", "ar": "ليك سايد"},
        recipients=[NamedRecipient(node, NAMES[node], WORDS) for node in recipients],
        valid_for_days=days,
    )


def ask(session: Session, node: Node, now: datetime, **changes: object) -> str:
    """Publish the standard question for aggregates; its id."""
    return service.publish_question(session, node, a_draft(**changes), now)  # type: ignore[arg-type]  # the draft checks them


def ask_reference(
    session: Session, node: Node, now: datetime, recipient: str = NORTHPORT
) -> str:
    """Publish the standard question about references to one city; its id."""
    draft = a_draft(Scope.REFERENCE, (recipient,), purpose="certificate-recognition")
    return service.publish_question(session, node, draft, now)


def say(
    session: Session,
    node: Node,
    question_id: str,
    state: ConsentState,
    now: datetime,
    learner: str = ANNA,
    credential: str | None = None,
    actor: Actor = ME,
) -> bytes:
    """A learner's answer on the page; the receipt."""
    return service.answer(
        session,
        node,
        learner,
        question_id,
        state,
        "en",
        actor,
        Channel.WEB,
        now,
        credential_id=credential,
    )


def papers(
    folder: Path, rows: Sequence[tuple[str, str, str, date]], **columns: str
) -> Path:
    """An export of (person, sheet, answer, signed on) with its mapping; the mapping."""
    folder.mkdir(parents=True, exist_ok=True)
    fixed = {"question": "aggregates", "recipients": "all", **columns}
    lines = ["person,sheet,answer,signed_on,question,recipients"]
    lines += [
        f"{person},{sheet},{answer},{day},{fixed['question']},{fixed['recipients']}"
        for person, sheet, answer, day in rows
    ]
    (folder / "consents.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    mapping = folder / "mapping.toml"
    mapping.write_text(MAPPING, encoding="utf-8")
    return mapping
