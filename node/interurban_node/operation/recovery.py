"""Re-applying the one-way journal after a restore, before anything is served."""

from collections.abc import Callable, Mapping
from datetime import datetime

from sqlalchemy.orm import Session

from interurban_node.accounts import service as accounts
from interurban_node.agreements import suspensions
from interurban_node.audit import service as audit
from interurban_node.consent import questions
from interurban_node.consent import service as consent
from interurban_node.core.context import Node
from interurban_node.core.journal import Irrevocable, JournalEntry
from interurban_node.credentials import service as credentials
from interurban_node.partners import service as partners
from interurban_node.policy import tokens

Reapply = Callable[[Session, Node, JournalEntry, datetime], None]


def _nothing_to_undo(
    session: Session, node: Node, entry: JournalEntry, now: datetime
) -> None:
    """A release that was built stays built: the build itself looks into the journal."""
    del session, node, entry, now


def _reference(
    session: Session, node: Node, entry: JournalEntry, now: datetime
) -> None:
    del now
    credentials.reapply(session, node, entry)


_REAPPLY: Mapping[Irrevocable, Reapply] = {
    Irrevocable.WITHDRAWAL: consent.reapply,
    Irrevocable.REFERENCE_ENDED: _reference,
    Irrevocable.STATUS_LIST: _reference,
    Irrevocable.RELEASE_BUILT: _nothing_to_undo,
    Irrevocable.KEY_EVENT: _nothing_to_undo,
    Irrevocable.SUSPENSION: suspensions.reapply,
    Irrevocable.QUESTION: questions.reapply,
    Irrevocable.TOKEN_REVOKED: accounts.reapply,
    Irrevocable.ACCESS_REVOKED: tokens.reapply,
    Irrevocable.CODE_USED: accounts.reapply,
    Irrevocable.PARTNER_DESCRIPTOR: partners.reapply,
}


def recover(node: Node) -> int:
    """Take in every journal entry that the database does not know; how many.

    Each entry in a transaction of its own, in the journal's order, so that a fault leaves
    the node recovering at that entry and nothing half done.
    """
    with node.database.transaction() as session:
        unknown = audit.unknown_entries(session, node)
    for entry in unknown:
        with node.database.transaction() as session:
            _REAPPLY[entry.kind](session, node, entry, node.clock())
            audit.mark_known(session, entry)
    return len(unknown)
