"""The private status list that each partner has: entries taken, ended, signed again."""

from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.audit import service as audit
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError
from interurban_node.core.journal import Irrevocable
from interurban_node.credentials import queries, rules
from interurban_node.credentials.models import StatusIndexRow, StatusListRow
from interurban_protocol import status_lists
from interurban_protocol.status_lists import StatusList


def status_list_token(
    session: Session, node: Node, partner: str, list_id: str, now: datetime
) -> str:
    """The signed list, for the one partner whose list it is, never older than five minutes.

    Raises:
        NotFoundError: no such list, or another partner's: the answer is the same.
        RecoveringError: the list may have lost what ended since the backup.
    """
    audit.check_not_recovering(session, node)
    row = session.get(StatusListRow, list_id, with_for_update=True)
    if row is None or row.partner != partner:
        raise NotFoundError("there is no such status list")
    if now - row.signed_at >= rules.SIGN_AGAIN_AFTER:
        _sign_list(node, row, now)
    return row.token.decode()


def renew_status_lists(session: Session, node: Node, now: datetime) -> int:
    """Sign every list again that was signed half a day ago; how many."""
    rows = session.scalars(
        sa.select(StatusListRow)
        .where(StatusListRow.signed_at <= now - rules.RENEW_AFTER)
        .order_by(StatusListRow.list_id)
        .with_for_update()
    ).all()
    for row in rows:
        _sign_list(node, row, now)
    return len(rows)


def take_entry(
    session: Session, node: Node, partner: str, now: datetime
) -> tuple[str, int]:
    """A random entry of the partner's list that was never taken."""
    row = queries.open_list(session, partner)
    if row is not None and queries.taken_entries(session, row.list_id) >= (
        rules.MAX_TAKEN
    ):
        row.closed_at, row = now, None
    if row is None:
        row = _new_list(session, node, node.identifiers.nonce(), partner, now)
        facts = {"list": row.list_id, "partner": partner, "version": "1"}
        audit.record_irrevocable(session, node, Irrevocable.STATUS_LIST, facts, now)
    index = node.identifiers.index(status_lists.ENTRIES)
    while session.get(StatusIndexRow, (row.list_id, index)) is not None:
        index = node.identifiers.index(status_lists.ENTRIES)
    session.add(StatusIndexRow(list_id=row.list_id, status_index=index))
    session.flush()
    return row.list_id, index


def end_entry(node: Node, row: StatusListRow, index: int, now: datetime) -> None:
    """Flip one bit, for good, and sign the list again."""
    row.octets = StatusList(1, row.octets).with_invalid((index,)).octets
    row.version += 1
    _sign_list(node, row, now)


def _new_list(
    session: Session, node: Node, list_id: str, partner: str, now: datetime
) -> StatusListRow:
    row = StatusListRow(
        list_id=list_id,
        partner=partner,
        octets=StatusList.of_valid().octets,
        version=1,
        signed_at=now,
    )
    _sign_list(node, row, now)
    session.add(row)
    session.flush()
    return row


def list_again(
    session: Session, node: Node, list_id: str, partner: str, at: datetime
) -> StatusListRow:
    """A list that the journal names: the row, or a new one; it takes no new references."""
    row = session.get(StatusListRow, list_id, with_for_update=True)
    if row is None:
        row = _new_list(session, node, list_id, partner, at)
    row.closed_at = row.closed_at or at
    return row


def _sign_list(node: Node, row: StatusListRow, now: datetime) -> None:
    at = max(now, row.signed_at)  # a clock set back must not make the list older
    row.token = status_lists.sign_status_list(
        StatusList(1, row.octets),
        uri=status_lists.status_list_uri(node.origin, row.list_id),
        key=node.keys.status,
        at=at,
    ).encode()
    row.signed_at, row.expires_at = at, at + status_lists.LIFETIME
