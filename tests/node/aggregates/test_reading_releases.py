"""Reading releases: bytes only against a log row, and only to whom they were issued."""

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from interurban_node.aggregates import service
from interurban_node.aggregates.models import PulledReleaseRow
from interurban_node.audit.models import UsageRow
from interurban_node.audit.service import Grade, UsageEntry, Use, UseKind, record_use
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.partners.service import key_sets
from interurban_node.structures import service as structures
from interurban_protocol.errors import (
    ChainError,
    DigestMismatchError,
    InterurbanError,
    MalformedError,
    NotYetValidError,
    SignatureInvalidError,
    UnknownKeyError,
    VerificationError,
)
from interurban_protocol.releases import VerifiedRelease, verify_release
from interurban_protocol.structures import bundle_bytes
from tests.support.counting import (
    BEFORE,
    NOW,
    PERIOD,
    PUBLICATION,
    Learner,
    a_build,
    a_city_with_learners,
    a_plan_in_force,
    a_small_structure,
    register,
    some_learners,
)
from tests.support.learners import EASTVALE, NORTHPORT, PURPOSE, ask
from tests.support.statistics import (
    SignedRelease,
    a_release,
    a_structure,
)
from tests.support.statistics import key_sets as announced

PUBLISHED = PUBLICATION + timedelta(minutes=1)
PULLED_AT = datetime.fromisoformat("2026-01-10T00:00:00+00:00")
FARSIDE = "https://farside.example"


def an_entry(
    session: Session,
    release_id: str,
    at: datetime = PUBLISHED,
    kind: UseKind = UseKind.RELEASE_SENT,
) -> UsageEntry:
    use = Use(
        kind=kind,
        purpose=PURPOSE,
        recipient=NORTHPORT,
        grade=Grade.COUNTERSIGNED,
        release_id=release_id,
    )
    return record_use(session, use, at)


def a_built_release(session: Session, node: Node) -> service.ReleaseFacts:
    plan = a_city_with_learners(session, node, some_learners(300))
    return a_build(session, node, plan).facts


def test_the_bytes_verify_at_whoever_they_are_sent_to(
    node: Node, session: Session
) -> None:
    facts = a_built_release(session, node)
    entry = an_entry(session, facts.release_id)
    found = verify_release(
        service.manifest_bytes(session, entry, facts.release_id),
        service.data_bytes(session, entry, facts.release_id),
        structure=a_small_structure(),
        keys=key_sets(session, node),
        at=PUBLISHED,
    )
    assert found.release_id == facts.release_id


@pytest.mark.parametrize(
    ("about", "kind", "at", "message"),
    [
        ("another", UseKind.RELEASE_SENT, PUBLISHED, "not about sending this"),
        ("this", UseKind.RELEASE_BUILT, PUBLISHED, "not about sending this"),
        ("this", UseKind.REFERENCE_SENT, PUBLISHED, "not about sending this"),
        ("this", UseKind.RELEASE_SENT, NOW, "is published at 2026-03-03T09:00:00Z"),
    ],
)
def test_no_bytes_without_the_right_log_row(
    node: Node, session: Session, about: str, kind: UseKind, at: datetime, message: str
) -> None:
    facts = a_built_release(session, node)
    logged = facts.release_id if about == "this" else "sha256:" + "5" * 64
    entry = an_entry(session, logged, at, kind)
    for read in (service.manifest_bytes, service.data_bytes):
        with pytest.raises(RefusedError, match=message):
            read(session, entry, facts.release_id)


def test_a_release_that_is_not_there_is_not_found(session: Session) -> None:
    unknown = "sha256:" + "5" * 64
    with pytest.raises(NotFoundError):
        service.release(session, unknown)
    with pytest.raises(NotFoundError):
        service.data_bytes(session, an_entry(session, unknown), unknown)


def test_a_release_is_listed_for_its_recipients_alone(
    node: Node, session: Session
) -> None:
    facts = a_built_release(session, node)
    assert service.list_releases(session, 0, NORTHPORT) == [facts]
    assert service.list_releases(session, 0, EASTVALE) == [facts]
    assert service.list_releases(session, facts.sequence, NORTHPORT) == []
    assert service.list_releases(session, 0, FARSIDE) == []
    assert service.list_releases(session, 0, node.origin) == []


def test_a_learner_sees_the_releases_that_count_them_in_published_words(
    node: Node, session: Session
) -> None:
    built = a_built_release(session, node)
    counted = next(each for each in some_learners(300) if each.yes_from is not None)
    (seen,) = service.counted_in(session, counted.ref, PUBLICATION)
    entry = an_entry(session, built.release_id)
    data = service.data_bytes(session, entry, built.release_id).decode()
    assert seen.release_id == built.release_id
    assert seen.dataflow_name == a_small_structure().names
    assert (seen.period, seen.recipients) == (PERIOD, (NORTHPORT, EASTVALE))
    assert f",_T,_T,_T,_T,_T,{PERIOD},{seen.group_size_shown},A,F" in data


def test_a_learner_sees_no_number_before_its_publication(
    node: Node, session: Session
) -> None:
    a_built_release(session, node)
    counted = next(each for each in some_learners(300) if each.yes_from is not None)
    early = PUBLICATION - timedelta(seconds=1)
    (seen,) = service.counted_in(session, counted.ref, early)
    assert (seen.published, seen.group_size_shown) == (False, None)


def test_a_learner_of_a_small_group_sees_no_number(
    node: Node, session: Session
) -> None:
    few = [Learner(ref=f"L{number}") for number in range(3)]
    a_build(session, node, a_city_with_learners(session, node, few))
    (seen,) = service.counted_in(session, "L1", PUBLISHED)
    assert seen.group_size_shown is None


def test_a_learner_who_was_not_counted_sees_no_release(
    node: Node, session: Session
) -> None:
    silent = Learner(ref="S1", yes_from=None)
    plan = a_city_with_learners(session, node, [*some_learners(50), silent])
    a_build(session, node, plan)
    assert service.counted_in(session, "S1", PUBLISHED) == []


def test_an_exported_file_verifies_and_is_logged(node: Node, session: Session) -> None:
    facts = a_built_release(session, node)
    bundle = service.export_bundle(session, node, facts.release_id, PUBLISHED)
    keys = key_sets(session, node)
    found = service.verify_bundle(bundle, keys=keys, at=PUBLISHED)
    assert found.release_id == facts.release_id
    used = session.scalars(sa.select(UsageRow).order_by(UsageRow.id)).all()
    assert [row.kind for row in used] == ["release-built", "release-sent"]


def test_nothing_is_exported_before_its_publication(
    node: Node, session: Session
) -> None:
    facts = a_built_release(session, node)
    with pytest.raises(RefusedError, match="is published at"):
        service.export_bundle(session, node, facts.release_id, NOW)


def changed(bundle: bytes, old: str, new: str) -> bytes:
    assert old in bundle.decode()
    return bundle.replace(old.encode(), new.encode(), 1)


def other_manifest(bundle: bytes) -> bytes:
    value = json.loads(bundle)
    signature = value["manifest"]["signatures"][0]["signature"]
    value["manifest"]["signatures"][0]["signature"] = signature[:-2] + (
        "AA" if signature[-2:] != "AA" else "BA"
    )
    return json.dumps(value).encode()


@pytest.mark.parametrize(
    ("tamper", "error"),
    [
        (lambda bundle: changed(bundle, ",A,F", ",A,G"), DigestMismatchError),
        (lambda bundle: bundle.replace(b'"P 1"', b'"P 9"'), DigestMismatchError),
        (other_manifest, SignatureInvalidError),
        (lambda bundle: b"{}", MalformedError),
        (lambda bundle: bundle[:-1], MalformedError),
    ],
)
def test_a_changed_file_does_not_verify(
    node: Node, session: Session, tamper: object, error: type[InterurbanError]
) -> None:
    facts = a_built_release(session, node)
    bundle = service.export_bundle(session, node, facts.release_id, PUBLISHED)
    assert callable(tamper)
    with pytest.raises(error) as refused:
        service.verify_bundle(
            tamper(bundle), keys=key_sets(session, node), at=PUBLISHED
        )
    assert type(refused.value) is error


def test_a_file_of_an_unknown_city_or_of_the_future_does_not_verify(
    node: Node, session: Session
) -> None:
    facts = a_built_release(session, node)
    bundle = service.export_bundle(session, node, facts.release_id, PUBLISHED)
    with pytest.raises(UnknownKeyError):
        service.verify_bundle(bundle, keys={}, at=PUBLISHED)
    with pytest.raises(NotYetValidError):
        service.verify_bundle(bundle, keys=key_sets(session, node), at=NOW)


def pulled(**changes: object) -> VerifiedRelease:
    """A release of another city's node, as the exchange has verified it."""
    return as_verified(a_release(**changes))  # type: ignore[arg-type]  # builder's own


def as_verified(release: SignedRelease) -> VerifiedRelease:
    return verify_release(
        release.document,
        release.data,
        structure=release.structure,
        keys=announced(),
        at=PULLED_AT,
    )


def test_a_pulled_release_is_kept_once(session: Session) -> None:
    release = pulled()
    assert service.store_pulled(session, release, PULLED_AT) is True
    assert service.store_pulled(session, release, PULLED_AT) is False
    row = session.scalars(sa.select(PulledReleaseRow)).one()
    assert (row.manifest, row.data) == (release.document.document, release.data)
    publisher = release.manifest.publisher
    assert service.held_releases(session, publisher) == {release.release_id}
    assert service.held_releases(session, NORTHPORT) == frozenset()


def test_a_second_release_of_a_period_is_refused(session: Session) -> None:
    service.store_pulled(session, pulled(), PULLED_AT)
    with pytest.raises(ChainError, match="issued 2025-Q3 before"):
        service.store_pulled(session, pulled(seed=2), PULLED_AT)
    assert len(session.scalars(sa.select(PulledReleaseRow)).all()) == 1


def test_a_release_with_another_citys_area_is_refused(session: Session) -> None:
    release = pulled()
    structure = a_structure(areas=2)
    first, *others = structure.codelists
    areas = tuple(
        replace(code, value=origin)
        for code, origin in zip(
            first.codes, (release.manifest.publisher, NORTHPORT), strict=True
        )
    )
    ours = replace(structure, codelists=(replace(first, codes=areas), *others))
    manifest = release.manifest.model_copy(update={"ref_area": "CITY2"})
    claimed = replace(
        release, manifest=manifest, table=replace(release.table, structure=ours)
    )
    with pytest.raises(VerificationError, match="another area"):
        service.store_pulled(session, claimed, PULLED_AT)


def test_a_structure_that_differs_from_the_one_held_is_refused(
    session: Session,
) -> None:
    other = a_structure(ages=5)
    structures.adopt(session, bundle_bytes(other), PULLED_AT)
    with pytest.raises(ChainError, match="held with another content"):
        service.store_pulled(session, pulled(), PULLED_AT)


def test_releases_become_visible_to_the_committee_on_publication(
    node: Node, session: Session
) -> None:
    a_built_release(session, node)
    urn = a_small_structure().urn
    assert service.published_periods(session, NOW) == {}
    assert service.city_tables(session, urn, PERIOD, NOW) == []
    assert service.published_periods(session, PUBLISHED) == {urn: (PERIOD,)}
    (found,) = service.city_tables(session, urn, PERIOD, PUBLISHED)
    assert found.manifest.publisher == node.origin
    assert found.table.value() is not None


def test_what_is_due_is_past_its_cut_off_and_not_issued(
    node: Node, session: Session
) -> None:
    # No agreement is in force at this node, so no plan asks for anything.
    register(session, some_learners(50), [ask(session, node, BEFORE)])
    a_plan_in_force(session, node)
    assert service.due_builds(session, node, NOW) == []
    with pytest.raises(NotFoundError, match="no plan in force"):
        service.due_builds(session, node, NOW, period=PERIOD)
