"""Builders for structures, learners, plans and releases, each with sound defaults."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from interurban_protocol.disclosure import BaseCells, ProtectedTable, protect
from interurban_protocol.keys import (
    Algorithm,
    KeySet,
    PrivateKey,
    PublishedKey,
    Purpose,
)
from interurban_protocol.perturbation_tables import perturbation_table
from interurban_protocol.release_plans import (
    PlannedDataflow,
    PlannedPeriod,
    ProtectionProfile,
    ReleasePlan,
    quarter_bounds,
)
from interurban_protocol.releases import (
    ReleaseManifest,
    describe_data,
    write_data,
)
from interurban_protocol.signed_documents import Signer, start_document
from interurban_protocol.structures import (
    Code,
    Structure,
    bundle_bytes,
    completion_structure,
)

LAKESIDE = "https://lakeside.example"
NORTHPORT = "https://northport.example"
PERIOD = "2025-Q3"
BUILT_AT = datetime(2025, 11, 20, 9, 0, tzinfo=UTC)
CUT_OFF = datetime(2025, 11, 15, tzinfo=UTC)
PUBLICATION = datetime(2025, 12, 1, 9, 0, tzinfo=UTC)
NOW = datetime(2025, 12, 2, tzinfo=UTC)
DEFAULT = ProtectionProfile()


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up learner: one base code per splitting dimension, and a record key."""

    codes: tuple[str, ...]
    key: int


def some_codes(prefix: str, count: int) -> list[Code]:
    return [Code(f"{prefix}{i}", {"en": f"{prefix} {i}"}) for i in range(1, count + 1)]


def equity_codes() -> list[Code]:
    return [
        Code("DIS", {"en": "Displaced"}, value="yes"),
        Code("NDI", {"en": "Not displaced"}, value="no"),
    ]


def a_structure(*, programmes: int = 2, ages: int = 1, areas: int = 0) -> Structure:
    return completion_structure(
        some_codes("P", programmes),
        some_codes("A", ages),
        equity_codes(),
        "learner.displaced",
        areas=some_codes("CITY", areas),
    )


def a_grouped_structure() -> Structure:
    """Three programmes in two fields, one of which has one programme; nothing sensitive."""
    flat = a_structure(programmes=3)
    fields = {"P1": "F1", "P2": "F1", "P3": "F2"}
    programmes = flat.codelist("CL_PROGRAMME")
    codes = tuple(
        replace(code, parent=fields.get(code.id)) for code in programmes.codes
    )
    grouped_list = replace(programmes, codes=(*codes, *some_codes("F", 2)))
    return without_sensitive(
        replace(
            flat,
            codelists=tuple(
                grouped_list if each.id == "CL_PROGRAMME" else each
                for each in flat.codelists
            ),
        )
    )


def without_sensitive(structure: Structure) -> Structure:
    """The same structure, no breakdown of which is ever collapsed."""
    return with_sensitive(structure)


def with_sensitive(structure: Structure, *names: str) -> Structure:
    """The same structure with these sensitive dimensions and no others."""
    dimensions = tuple(
        replace(each, is_sensitive=each.id in names) for each in structure.dimensions
    )
    return replace(structure, dimensions=dimensions)


def base_combinations(structure: Structure) -> list[tuple[str, ...]]:
    combinations: list[tuple[str, ...]] = [()]
    for split in structure.split_dimensions:
        combinations = [
            (*start, code.id)
            for start in combinations
            for code in structure.base_codes(split.id)
        ]
    return combinations


def some_people(structure: Structure, *, count: int, seed: int) -> list[Person]:
    """Learners spread unevenly over the base cells, so that many are alone in theirs."""
    chance = np.random.default_rng(seed)
    combinations = base_combinations(structure)
    weights = chance.dirichlet(np.full(len(combinations), 0.3))
    places = chance.choice(len(combinations), size=count, p=weights)
    keys = chance.integers(0, 2**32, size=count)
    return [
        Person(combinations[place], int(key))
        for place, key in zip(places, keys, strict=True)
    ]


def grouped(people: Iterable[Person]) -> list[tuple[tuple[str, ...], int, int]]:
    """What the node's GROUP BY gives: codes, learners, sum of record keys."""
    groups: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for person in people:
        groups[person.codes].append(person.key)
    return [(codes, len(keys), sum(keys)) for codes, keys in groups.items()]


def protected(
    people: Iterable[Person],
    structure: Structure,
    profile: ProtectionProfile = DEFAULT,
) -> ProtectedTable:
    base = BaseCells.from_rows(structure, grouped(people))
    return protect(base, structure, profile, perturbation_table(profile.perturbation))


def naive_count(people: Sequence[Person], codes: tuple[str, ...]) -> int:
    return len(naive_members(people, codes))


def naive_members(
    people: Iterable[Person],
    codes: tuple[str, ...],
    structure: Structure | None = None,
) -> list[Person]:
    """The learners in a cell of the lattice, one comparison at a time.

    Without `structure` the codes are leaves or totals; with it they may be groups.
    """
    wanted = [{code} for code in codes]
    if structure is not None:
        wanted = [
            set(structure.members(split.id, code))
            for split, code in zip(structure.split_dimensions, codes, strict=True)
        ]
    return [
        person
        for person in people
        if all(
            code == "_T" or held in leaves
            for code, leaves, held in zip(codes, wanted, person.codes, strict=True)
        )
    ]


def a_key(name: str = "lakeside") -> PrivateKey:
    return PrivateKey.from_random(Algorithm.ED25519, name.encode().ljust(48, b"."))


def key_sets(
    node: str = LAKESIDE,
    key: PrivateKey | None = None,
    *,
    purpose: Purpose = Purpose.DOCUMENTS,
    valid_from: datetime = datetime(2025, 1, 1, tzinfo=UTC),
    valid_until: datetime | None = None,
    compromised_at: datetime | None = None,
) -> Mapping[str, KeySet]:
    published = PublishedKey(
        key=(key or a_key()).public,
        purpose=purpose,
        valid_from=valid_from,
        valid_until=valid_until,
        compromised_at=compromised_at,
    )
    return {node: KeySet((published,))}


def a_period(period: str = PERIOD, **changes: Any) -> PlannedPeriod:
    starts, ends = quarter_bounds(period)
    over = datetime(ends.year, ends.month, ends.day, tzinfo=UTC) + timedelta(days=1)
    values: dict[str, Any] = {
        "period": period,
        "starts": starts,
        "ends": ends,
        "cut_off": over + timedelta(days=45),
        "publication": over + timedelta(days=61, hours=9),
    }
    return PlannedPeriod(**(values | changes))


def a_plan(structure: Structure | None = None, **changes: Any) -> ReleasePlan:
    structure = structure or a_structure()
    values: dict[str, Any] = {
        "signers": (Signer(node=LAKESIDE, key_id=a_key().public.key_id),),
        "subject": "enrolments",
        "title": {"en": "Completion of programmes"},
        "publishers": (LAKESIDE, NORTHPORT),
        "recipients": (LAKESIDE, NORTHPORT),
        "purposes": ("dpv:ServiceOptimisation",),
        "dataflows": (PlannedDataflow(urn=structure.urn, structure=structure.digest),),
        "profile": DEFAULT,
        "periods": (a_period("2025-Q3"), a_period("2025-Q4")),
        "valid_from": datetime(2025, 7, 1, tzinfo=UTC),
        "valid_until": datetime(2026, 7, 1, tzinfo=UTC),
        "issued_at": datetime(2025, 6, 1, tzinfo=UTC),
    }
    return ReleasePlan(**(values | changes))


def a_manifest(structure: Structure, content: bytes, **changes: Any) -> ReleaseManifest:
    profile: ProtectionProfile = changes.get("profile", DEFAULT)
    values: dict[str, Any] = {
        "signers": (Signer(node=LAKESIDE, key_id=a_key().public.key_id),),
        "publisher": LAKESIDE,
        "plan": "sha256:" + "1" * 64,
        "agreement": "sha256:" + "2" * 64,
        "subject": "enrolments",
        "dataflow": structure.urn,
        "structure": structure.digest,
        "ref_area": "lakeside-example",
        "cohort_period": PERIOD,
        "observation_period": PERIOD,
        "cut_off": CUT_OFF,
        "consent_as_of": BUILT_AT,
        "built_at": BUILT_AT,
        "publication_at": PUBLICATION,
        "recipients": (NORTHPORT,),
        "basis": "consent",
        "profile": profile,
        "perturbation_table": perturbation_table(profile.perturbation),
        "coverage": 80,
        "data": describe_data(content),
    }
    return ReleaseManifest(**(values | changes))


@dataclass(frozen=True, slots=True)
class SignedRelease:
    """All that a recipient holds, and what it was made from."""

    structure: Structure
    structure_bytes: bytes
    table: ProtectedTable
    manifest: ReleaseManifest
    document: bytes
    data: bytes


def a_release(*, seed: int = 1, people: int = 400, **changes: Any) -> SignedRelease:
    """A release of made-up learners, signed by Lakeside."""
    structure = a_structure()
    profile = changes.get("profile", DEFAULT)
    table = protected(
        some_people(structure, count=people, seed=seed), structure, profile
    )
    data = write_data(table, structure, "lakeside-example", PERIOD)
    manifest = a_manifest(structure, data, **changes)
    document = start_document(manifest, a_key())
    return SignedRelease(
        structure, bundle_bytes(structure), table, manifest, document, data
    )
