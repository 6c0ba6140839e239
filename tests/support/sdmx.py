"""Builders for the SDMX service: cities with releases, tokens, and requests to a node."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import sqlalchemy as sa
from fastapi import FastAPI
from starlette.testclient import TestClient

from interurban_node.accounts import service as accounts
from interurban_node.accounts.rules import Role
from interurban_node.aggregates import service as aggregates
from interurban_node.aggregates.catalogue import Entry
from interurban_node.aggregates.models import ReleaseRow
from interurban_node.aggregates.rules import ref_area, series_of
from interurban_node.agreements import service as agreements
from interurban_node.app import create_app
from interurban_node.audit.models import UsageRow
from interurban_node.core.context import Node
from interurban_node.partners.service import key_sets
from interurban_node.policy import tokens
from interurban_node.policy.models import AccessTokenRow
from interurban_node.sdmx import api
from interurban_node.structures import service as structures
from interurban_protocol.release_plans import PUBLIC, quarter_after
from interurban_protocol.releases import (
    ReleaseManifest,
    describe_data,
    verify_release,
    write_data,
)
from interurban_protocol.signed_documents import (
    Signer,
    open_document,
    read_payload,
    start_document,
)
from interurban_protocol.structures import Cohort, Structure, bundle_bytes
from tests.support.counting import CITIES, PERIOD, a_small_structure
from tests.support.federation import agreed
from tests.support.learners import PURPOSE
from tests.support.nodes import Federation
from tests.support.statistics import (
    DEFAULT,
    a_grouped_structure,
    a_manifest,
    a_period,
    protected,
    some_people,
)

KEYS_SINCE = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)  # the nodes' keys count from then
COHORT_RELEASE = "sha256:" + "d" * 64
PUBLISHED = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)  # after the publication of PERIOD
FLOW = "INTERURBAN/COMPLETION/1.0.0"
JSON = "application/vnd.sdmx.structure+json;version=2.0.0"
DATA_JSON = "application/vnd.sdmx.data+json;version=2.0.0"
CSV_1 = "application/vnd.sdmx.data+csv;version=1.0.0"
CSV_2 = "application/vnd.sdmx.data+csv;version=2.0.0"
GENERIC = "application/vnd.sdmx.genericdata+xml;version=2.1"
SPECIFIC = "application/vnd.sdmx.structurespecificdata+xml;version=2.1"
XML_30 = "application/vnd.sdmx.data+xml;version=3.0.0"
STRUCTURE_21 = "application/vnd.sdmx.structure+xml;version=2.1"
STRUCTURE_30 = "application/vnd.sdmx.structure+xml;version=3.0.0"


def application(node: Node) -> FastAPI:
    """The node's application with the SDMX service in it."""
    app = create_app(node)
    if not any(getattr(each, "path", "") == "/public/catalog" for each in app.routes):
        app.include_router(api.router)
    return app


def with_token_table(node: Node) -> None:
    """The table of access tokens, where the migrations do not make it yet."""
    table = AccessTokenRow.__table__
    table.create(node.database.engine, checkfirst=True)  # type: ignore[attr-defined]  # a Table


@dataclass
class Service:
    """One city's SDMX service, with a release for its partners or for the public."""

    federation: Federation
    agreement_id: str
    release_id: str
    node: Node
    web: TestClient

    def get(
        self, path: str, accept: str = "", token: str = "", **headers: str
    ) -> httpx.Response:
        """Ask with a token, or as anybody."""
        found = {"accept": accept, **headers} if accept else dict(headers)
        if token:
            found["authorization"] = f"Bearer {token}"
        return self.web.get(path, headers=found)

    def issue(self, **changes: Any) -> str:
        """Keep one more release at the node, as a build under the agreed plan would."""
        return issue(self.node, **{"plan": self.plan_id, **changes})

    def pull(self, publisher: str, structure: Structure, **changes: Any) -> str:
        """Keep a partner's release at the node, as a pull would have."""
        source = self.federation.nodes[publisher]
        values: dict[str, Any] = {
            "plan": self.plan_id,
            "period": PERIOD,
            "recipients": [self.node.origin],
            "seed": 7,
        }
        document, data = a_signed_release(source, structure, **{**values, **changes})
        now = self.federation.clock.now
        with self.node.database.transaction() as session:
            verified = verify_release(
                document,
                data,
                structure=structure,
                keys=key_sets(session, self.node),
                at=now,
            )
            aggregates.store_pulled(session, verified, now)
        return verified.release_id

    @property
    def plan_id(self) -> str:
        """The plan that the cities agreed on."""
        with self.node.database.transaction() as session:
            (plan,) = agreements.plans_in_force(
                session, self.node, self.federation.clock.now
            )
        return plan.plan_id

    def uses(self) -> list[UsageRow]:
        """The log of what was sent, oldest first."""
        with self.node.database.transaction() as session:
            return list(session.scalars(sa.select(UsageRow).order_by(UsageRow.id)))

    def token(self, recipient: str = CITIES[1], days: int = 30) -> str:
        """A token for a partner's software."""
        with self.node.database.transaction() as session:
            return tokens.mint(
                session,
                self.node,
                recipient=recipient,
                agreement_id=self.agreement_id,
                label="a test",
                now=self.federation.clock.now,
                valid_for=timedelta(days=days),
            )

    def staff_token(self, role: Role = Role.COMMITTEE_MEMBER) -> str:
        """A token of the city's own staff."""
        with self.node.database.transaction() as session:
            return accounts.mint_token(
                session,
                self.node,
                role,
                "a test",
                self.federation.clock.now,
                timedelta(days=30),
            )


def a_service(
    federation: Federation,
    *,
    is_public: bool = False,
    structure: Structure | None = None,
    name: str = "lakeside",
) -> Service:
    """Cities that agree, and one of them with a published release."""
    agreement_id = agreed(federation)
    federation.clock.now = PUBLISHED
    node = federation.nodes[name]
    with_token_table(node)
    web = TestClient(
        application(node), base_url=node.origin, raise_server_exceptions=False
    )
    made = Service(federation, agreement_id, "", node, web)
    made.release_id = made.issue(structure=structure, is_public=is_public)
    return made


def issue(
    node: Node,
    *,
    plan: str = "sha256:" + "1" * 64,
    structure: Structure | None = None,
    period: str = PERIOD,
    is_public: bool = False,
    recipients: Sequence[str] = CITIES[1:],
    seed: int = 1,
    **changes: Any,
) -> str:
    """Keep a release of made-up learners at the node that signs it; its id."""
    structure = structure or a_small_structure()
    document, data = a_signed_release(
        node,
        structure,
        plan=plan,
        period=period,
        recipients=(*recipients, *([PUBLIC] if is_public else [])),
        seed=seed,
        **changes,
    )
    manifest = read_payload(open_document(document), ReleaseManifest)
    release_id = open_document(document).document_id
    with node.database.transaction() as session:
        structures.adopt(session, bundle_bytes(structure), manifest.built_at)
        session.add(
            ReleaseRow(
                release_id=release_id,
                plan=manifest.plan,
                agreement=manifest.agreement,
                subject=manifest.subject,
                dataflow=manifest.dataflow,
                series=series_of(manifest.dataflow),
                period=period,
                revision=manifest.revision,
                structure=manifest.structure,
                recipients=json.dumps(manifest.recipients),
                purposes=json.dumps([PURPOSE]),
                built_at=manifest.built_at,
                publication_at=manifest.publication_at,
                manifest=document,
                data=data,
            )
        )
    return release_id


def a_signed_release(  # each is a member of the manifest
    node: Node,
    structure: Structure,
    *,
    plan: str,
    period: str,
    recipients: Sequence[str],
    seed: int,
    **changes: Any,
) -> tuple[bytes, bytes]:
    """Manifest and data of a release of made-up learners, signed by a node."""
    people = some_people(structure, count=400, seed=seed)
    area = ref_area(structure, node.origin)
    data = write_data(protected(people, structure), structure, area, period)
    planned = a_period(period)
    built_at = max(planned.cut_off, KEYS_SINCE)
    values: dict[str, Any] = {
        "signers": (
            Signer(node=node.origin, key_id=node.keys.documents.public.key_id),
        ),
        "publisher": node.origin,
        "plan": plan,
        "ref_area": area,
        "cohort_period": period,
        "observation_period": quarter_after(
            period, structure.cohort.lag if structure.cohort else 0
        ),
        "cohort_release": COHORT_RELEASE if structure.cohort else None,
        "cut_off": planned.cut_off,
        "consent_as_of": built_at,
        "built_at": built_at,
        "publication_at": planned.publication,
        "recipients": tuple(recipients),
        "basis": structure.basis,
        "data": describe_data(data),
    }
    manifest = a_manifest(structure, data, **{**values, **changes})
    return start_document(manifest, node.keys.documents), data


def data_of(node: Node, release_id: str) -> bytes:
    """The data file of a release, as it was signed."""
    with node.database.transaction() as session:
        found = sa.select(ReleaseRow.data).where(ReleaseRow.release_id == release_id)
        return session.execute(found).scalar_one()


def a_catalogue_entry() -> Entry:
    """What the catalogue knows of some release."""
    manifest = a_manifest(a_small_structure(), b"a\nb\n")
    return Entry(
        release_id="sha256:" + "c" * 64, manifest=manifest, purpose="p", is_own=True
    )


def a_cohort_structure() -> Structure:
    """What became of the people of COMPLETION two quarters later; programmes in groups."""
    return replace(
        a_grouped_structure(),
        id="JOBS",
        event="exit.employed",
        cohort=Cohort("COMPLETION", 2),
    )


def a_federation(folder: Path) -> Federation:
    """Three cities on SQLite that have not met."""
    federation = Federation(folder)
    for name in ("lakeside", "northport", "eastvale"):
        federation.add(name)
    return federation


__all__ = [
    "CSV_1",
    "CSV_2",
    "DATA_JSON",
    "DEFAULT",
    "FLOW",
    "GENERIC",
    "JSON",
    "PUBLISHED",
    "SPECIFIC",
    "STRUCTURE_21",
    "STRUCTURE_30",
    "XML_30",
    "Service",
    "a_catalogue_entry",
    "a_cohort_structure",
    "a_federation",
    "a_service",
    "a_signed_release",
    "application",
    "data_of",
    "issue",
    "with_token_table",
]
