"""Places that were offered: no person, so exact sums."""

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.registry.models import OfferRow, ProgrammeRow
from interurban_protocol.release_plans import quarter_bounds


class OfferedPlaces(NamedTuple):
    """Places of one programme and way of teaching; `values` are by registry field."""

    values: Mapping[str, str | None]
    places: int


def offered_places(session: Session, period: str) -> list[OfferedPlaces]:
    """The places in runs that begin in the period, by all that is known of programmes."""
    first, last = quarter_bounds(period)
    columns = {
        "programme.code": OfferRow.programme_code,
        "programme.field": ProgrammeRow.field,
        "programme.level": sa.cast(ProgrammeRow.level, sa.String(4)),
        "programme.mode": sa.func.coalesce(OfferRow.mode, ProgrammeRow.mode),
    }
    rows = session.execute(
        sa.select(*columns.values(), sa.func.sum(OfferRow.places))
        .join(ProgrammeRow, ProgrammeRow.record_id == OfferRow.programme_id)
        .where(OfferRow.starts.between(first, last), OfferRow.deleted_at.is_(None))
        .group_by(*columns.values())
    )
    return [
        OfferedPlaces(dict(zip(columns, values, strict=True)), int(places))
        for *values, places in rows
    ]
