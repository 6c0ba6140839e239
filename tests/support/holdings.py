"""Releases of the whole standard set at a node, really signed, as pulls would leave them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from interurban_node.aggregates import service as aggregates
from interurban_node.core.context import Node
from interurban_node.partners import service as partners
from interurban_protocol.release_plans import quarter_after, quarter_bounds
from interurban_protocol.releases import verify_release
from interurban_protocol.signed_documents import Signer, start_document
from interurban_protocol.structures import Structure
from tests.support.nodes import Federation
from tests.support.outcomes import (
    Someone,
    places_data,
    protected_data,
    rows_of,
    some_grievances,
    some_people,
)
from tests.support.statistics import a_manifest

PLAN = "sha256:" + "1" * 64
SIZES: Mapping[str, int] = {"lakeside": 900, "northport": 300, "eastvale": 90}
PLACES: Mapping[str, Mapping[str, int]] = {
    "lakeside": {"WELD": 360, "JOIN": 300, "CARE": 300},
    "northport": {"WELD": 150, "JOIN": 90},
    "eastvale": {"WELD": 40, "JOIN": 60},
}


def hold_all(
    federation: Federation,
    structures: Mapping[str, Structure],
    periods: Sequence[str],
    names: Sequence[str] = tuple(SIZES),
) -> None:
    """Give Lakeside every city's releases of these quarters that can be observed by now."""
    for number, period in enumerate(periods):
        for place, name in enumerate(names):
            people = some_people(
                SIZES[name], seed=10 * number + place, luck=0.5 + 0.1 * place
            )
            for structure in structures.values():
                lag = structure.cohort.lag if structure.cohort else 0
                ends = quarter_bounds(quarter_after(period, lag))[1]
                if ends + timedelta(days=60) < federation.clock.now.date():
                    data = data_of(structure, name, people, period)
                    hold(federation, name, structure, data, period)


def data_of(
    structure: Structure, name: str, people: Sequence[Someone], period: str
) -> bytes:
    """The data file of one dataflow of a city."""
    if structure.id == "PLACES":
        return places_data(structure, PLACES[name], period, area_of(name))
    grievances = some_grievances(max(len(people) // 8, 12), seed=1)
    rows = rows_of(structure.id, people, grievances)
    return protected_data(structure, rows, period, area_of(name))


def hold(
    federation: Federation,
    name: str,
    structure: Structure,
    data: bytes,
    period: str,
    reader: str = "lakeside",
    **changes: Any,
) -> str:
    """Sign a release as the city would, and keep it at the reader; its id."""
    publisher, holder = federation.nodes[name], federation.nodes[reader]
    now = federation.clock.now
    lag = structure.cohort.lag if structure.cohort else 0
    observed_in = quarter_after(period, lag)
    ends = quarter_bounds(observed_in)[1]
    over = datetime(ends.year, ends.month, ends.day, tzinfo=UTC) + timedelta(days=31)
    manifest = a_manifest(
        structure,
        data,
        **{
            "signers": (_signer(publisher),),
            "publisher": publisher.origin,
            "plan": PLAN,
            "ref_area": area_of(name),
            "cohort_period": period,
            "observation_period": observed_in,
            "cohort_release": "sha256:" + "c" * 64 if structure.cohort else None,
            "cut_off": over,
            "consent_as_of": now,
            "built_at": now,
            "publication_at": now,
            "recipients": (holder.origin,),
            "basis": structure.basis,
            "coverage": 80 if structure.basis == "consent" else None,
            **changes,
        },
    )
    document = start_document(manifest, publisher.keys.documents)
    with holder.database.transaction() as session:
        keys = partners.key_sets(session, holder)
        verified = verify_release(
            document, data, structure=structure, keys=keys, at=now
        )
        aggregates.store_pulled(session, verified, now)
    return verified.release_id


def area_of(name: str) -> str:
    """The REF_AREA of a city of a federation, in structures without a list of areas."""
    return f"{name}-example"


def _signer(node: Node) -> Signer:
    return Signer(node=node.origin, key_id=node.keys.documents.public.key_id)
