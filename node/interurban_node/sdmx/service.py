"""Answering SDMX-REST: who asks, what it may see, what it wants, in which format.

What a caller may see is decided for each release, by the one decision of `policy`. Only
releases that it permits are known to anything below: a dataflow without one is not there.
Cells are read against the log row of their sending; for releases that name the public, the
publication is the sending. An answer that says "not changed" sends nothing.

Deciding, logging and reading need the database; choosing cells and writing them take long
and do not, so they are handed back as a `Finish` to be called after the transaction.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeAlias

from sqlalchemy.orm import Session

from interurban_node.accounts import service as accounts
from interurban_node.accounts.rules import Role
from interurban_node.aggregates import catalogue
from interurban_node.aggregates.catalogue import Entry
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, NotOfferedError, NotSignedInError
from interurban_node.policy import service as policy
from interurban_node.policy import tokens
from interurban_node.policy.rules import Permit, ReleaseFacts
from interurban_node.policy.service import Logged, Proof
from interurban_node.sdmx import formats
from interurban_node.sdmx.addresses import Address, Version
from interurban_node.sdmx.answers import (
    Answer,
    Body,
    Cache,
    body_of,
    identity_of,
    is_known,
    message_id,
    problem_answer,
    sender_id,
    tag_of,
)
from interurban_node.sdmx.availability import availability, parse_availability_query
from interurban_node.sdmx.cells import (
    Selection,
    page_size,
    row_test,
    rows_of,
    select,
    wanted_entries,
)
from interurban_node.sdmx.data_messages import DataMessage, Header
from interurban_node.sdmx.data_queries import (
    DataQuery,
    Flow,
    check_fits,
    parse_data_query,
    parse_flow_2,
)
from interurban_node.sdmx.formats import Choice
from interurban_node.sdmx.model import Artefacts, artefacts
from interurban_node.sdmx.structure_queries import (
    KINDS,
    StructureQuery,
    choose,
    nothing_here,
    numbers_of,
    parse_structure_query,
    shelves_of,
    stubs_of,
)
from interurban_node.sdmx.structure_writers import StructureMessage
from interurban_node.structures import service as structures
from interurban_protocol.errors import MalformedError, OversizedError
from interurban_protocol.releases import ReleasedTable

READERS: Final = frozenset(
    {Role.COMMITTEE_MEMBER, Role.PUBLISHER, Role.AUDITOR, Role.SERVICE}
)
_BEFORE_ANY: Final = datetime(2000, 1, 1, tzinfo=UTC)
Finish: TypeAlias = Callable[[], Answer]  # writes the answer, without the database

_WRITTEN: Final[Cache[Body]] = Cache()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the headers of a request say of the answer that is wanted."""

    accept: str = ""
    language: str = ""
    known_tag: str = ""  # If-None-Match


@dataclass(frozen=True, slots=True)
class Visible:
    """What a caller may see: the permits, the releases, and their dataflows by URN."""

    permits: Mapping[str, Permit]
    entries: tuple[Entry, ...]
    flows: Mapping[str, Artefacts]
    is_public: bool

    def of(self, flow: Artefacts) -> list[Entry]:
        """The visible releases of a dataflow."""
        urn = flow.structure.urn
        return [each for each in self.entries if each.manifest.dataflow == urn]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a caller who may see `seen`."""

    session: Session
    node: Node
    seen: Visible
    address: Address
    wishes: Wishes
    now: datetime


def bearer_proof(
    session: Session, node: Node, token: str, source: str, now: datetime
) -> Proof:
    """The proof that a bearer token is: a recipient's software, or this city's staff.

    Raises:
        NotSignedInError: unknown, revoked, expired, or of a role that reads no releases.
        TooManyAttemptsError: too much guessing from this source, or in all.
    """
    with accounts.counted_attempt(session, node, source, now):
        if tokens.is_access_token(token):
            return tokens.verify(session, node, token, now)
        verified = accounts.verify_token(session, node, token, now)
        if verified.role not in READERS:
            raise NotSignedInError("the token is not valid")
        return verified


def visible(session: Session, node: Node, proof: Proof, now: datetime) -> Visible:
    """What a caller may see now.

    Raises:
        RecoveringError: nothing is served now.
    """
    entries = catalogue.entries(session, now)
    facts = [_facts(each) for each in entries]
    permits = policy.permitted_releases(session, node, proof, facts, now)
    seen = catalogue.newest([each for each in entries if each.release_id in permits])
    digests = {each.manifest.dataflow: each.manifest.structure for each in seen}
    flows = {
        urn: artefacts(structures.bundle(session, digest))
        for urn, digest in digests.items()
    }
    return Visible(permits, tuple(seen), flows, proof is None)


def answer(asked: Request) -> Finish:
    """What gives the answer to an SDMX-REST request, once the transaction has ended.

    Raises (here, or where the rest is done):
        MalformedError, OversizedError: not a request of SDMX-REST.
        NotFoundError: nothing that this caller may see.
        NotOfferedError, NotAcceptableError: a part of the standard that is left out.
    """
    resource, rest = asked.address.parts[0], asked.address.rest
    if resource == "data":
        return _data(asked)
    if resource == (
        "availability" if rest is Version.REST_2 else "availableconstraint"
    ):
        return _availability(asked)
    if resource == "schema":
        return _schema(asked)
    if resource in ("metadata", "registration"):
        raise NotOfferedError(f"there is no {resource} here: only structures and data")
    if resource == "structure" or (rest is Version.REST_1 and resource in KINDS):
        return _structure(asked)
    raise MalformedError("the path begins with no resource of SDMX-REST")


def _data(asked: Request) -> Finish:
    query = parse_data_query(asked.address)
    choice = _choice(asked, formats.DATA)
    flow = _flow(asked.seen, query.flow)
    check_fits(query, flow.structure)
    entries = wanted_entries(query, flow.structure, asked.seen.of(flow))
    if not entries:
        raise _no_results()
    language = formats.best_language(asked.wishes.language, tuple(flow.structure.names))
    identity = _identity(asked, choice, [language, *_ids(entries)])
    if is_known(asked.wishes.known_tag, tag_of(identity)):
        return lambda: _unchanged(choice, identity)
    logged = [_log(asked, entry) for entry in entries]
    written = _WRITTEN.get(identity)
    if written is not None:
        return lambda: _page(query, choice, identity, written)
    tables = [
        (entry, catalogue.table(asked.session, proof, entry.release_id))
        for entry, proof in zip(entries, logged, strict=True)
    ]

    def finish() -> Answer:
        try:
            found = _select(query, flow, tables)
        except (NotFoundError, OversizedError) as error:
            # Figures were read to find it out: it is answered, and the log row stays.
            return problem_answer(error)
        message = DataMessage(
            header=_header(asked, identity, entries),
            artefacts=flow,
            sets=found.sets,
            at_observation=query.at_observation,
            attributes=query.attributes,
            has_measure=query.has_measure,
        )
        plain = formats.write_data(message, choice, language)
        body = body_of(plain, has_more=found.has_more)
        _WRITTEN.put(identity, body)
        return _page(query, choice, identity, body)

    return finish


def _page(query: DataQuery, choice: Choice, identity: str, body: Body) -> Answer:
    following = query.offset + page_size(query) if body.has_more else None
    return _made(choice, identity, body, following)


def _select(
    query: DataQuery,
    flow: Artefacts,
    tables: Sequence[tuple[Entry, ReleasedTable]],
) -> Selection:
    found = select(query, flow.structure, tables)
    if not found.sets:
        raise _no_results()
    return found


def _availability(asked: Request) -> Finish:
    query = parse_availability_query(asked.address)
    choice = _choice(asked, formats.STRUCTURES)
    flow = _flow(asked.seen, query.data.flow)
    check_fits(query.data, flow.structure)
    entries = wanted_entries(query.data, flow.structure, asked.seen.of(flow))
    if not entries:
        raise _no_results()

    tables = [
        catalogue.without_values(asked.session, entry.release_id) for entry in entries
    ]

    def message(header: Header) -> StructureMessage:
        passes = row_test(query.data, flow.structure, tables)
        rows = [row for table in tables for row in rows_of(table) if passes(row)]
        if not rows:
            raise _no_results()
        referring = StructureQuery(
            kind="dataflow",
            agencies=frozenset({flow.structure.agency}),
            ids=frozenset({flow.structure.id}),
            versions=frozenset({flow.structure.version}),
            references=query.references,
        )
        chosen = choose(shelves_of([flow]), referring)
        has_references = query.references != {"none"}
        return StructureMessage(
            header=header,
            artefacts=tuple(chosen.artefacts.values()) if has_references else (),
            availability=availability(flow.structure, query, rows),
            names=flow.names,
            parents=flow.parents,
        )

    return _structures(asked, choice, entries, message)


def _schema(asked: Request) -> Finish:
    address = asked.address
    address.check_parameters(("dimensionAtObservation", "format", "explicitMeasure"))
    choice = _choice(asked, formats.STRUCTURES)
    if len(address.parts) > 5:
        raise MalformedError("the path of a schema is schema/CONTEXT/AGENCY/ID/VERSION")
    context = address.part(1)
    if context == "datastructure":  # has the id of its dataflow
        parts = ("schema", "dataflow", *address.parts[2:])
        address = Address(address.rest, parts, address.parameters)
    flow = _flow(asked.seen, parse_flow_2(address))

    def message(header: Header) -> StructureMessage:
        return StructureMessage(
            header=header,
            artefacts=(flow.definition, flow.concepts, *flow.codelists),
            names=flow.names,
            parents=flow.parents,
        )

    return _structures(asked, choice, asked.seen.of(flow), message)


def _structure(asked: Request) -> Finish:
    query = parse_structure_query(asked.address)
    choice = _choice(asked, formats.STRUCTURES)
    chosen = choose(shelves_of(list(asked.seen.flows.values())), query)

    def message(header: Header) -> StructureMessage:
        return StructureMessage(
            header=header,
            artefacts=tuple(chosen.artefacts.values()),
            names=chosen.names,
            parents=chosen.parents,
            stubs=stubs_of(query, chosen),
            is_complete=query.detail.is_complete,
        )

    return _structures(asked, choice, asked.seen.entries, message)


def _structures(
    asked: Request,
    choice: Choice,
    entries: Iterable[Entry],
    message: Callable[[Header], StructureMessage],
) -> Finish:
    found = list(entries)
    identity = _identity(asked, choice, _ids(found))
    if is_known(asked.wishes.known_tag, tag_of(identity)):
        return lambda: _unchanged(choice, identity)

    def finish() -> Answer:
        body = _WRITTEN.get(identity)
        if body is None:
            write = formats.STRUCTURE_WRITERS[choice.format]
            body = body_of(write(message(_header(asked, identity, found))))
            _WRITTEN.put(identity, body)
        return _made(choice, identity, body, None)

    return finish


def _log(asked: Request, entry: Entry) -> Logged:
    permit = asked.seen.permits[entry.release_id]
    if asked.seen.is_public:
        return policy.log_publication(asked.session, permit, asked.now)
    return policy.log_use(asked.session, permit, asked.now)


def _facts(entry: Entry) -> ReleaseFacts:
    manifest = entry.manifest
    return ReleaseFacts(
        release_id=entry.release_id,
        plan_id=manifest.plan,
        purpose=entry.purpose,
        recipients=tuple(manifest.recipients),
        publication_at=manifest.publication_at,
        held_from=None if entry.is_own else manifest.publisher,
    )


def _flow(seen: Visible, wanted: Flow) -> Artefacts:
    """The one dataflow that is meant.

    Raises:
        NotFoundError: there is none that this caller may see.
        NotOfferedError: several versions at once.
    """
    found = [
        each
        for each in seen.flows.values()
        if each.structure.id == wanted.id
        and wanted.agency in (None, each.structure.agency)
    ]
    if wanted.version in ("~", "+"):
        found.sort(key=lambda each: numbers_of(each.structure.version))
        found = found[-1:]
    elif wanted.version is not None:
        found = [each for each in found if each.structure.version == wanted.version]
    if not found:
        raise nothing_here()
    if len(found) > 1:
        versions = ", ".join(each.structure.version for each in found)
        raise NotOfferedError(
            "one query is about one version of a dataflow: between versions the series "
            "breaks",
            next_step=f"Name one of {versions}.",
        )
    return found[0]


def _choice(
    asked: Request, offered: Mapping[Version, Sequence[formats.Format]]
) -> Choice:
    named = asked.address.parameters.get("format")
    return formats.negotiate(asked.wishes.accept, offered[asked.address.rest], named)


def _ids(entries: Iterable[Entry]) -> list[str]:
    return [each.release_id for each in entries]


def _identity(asked: Request, choice: Choice, parts: Iterable[str]) -> str:
    """Each name, value and part by itself: joined, decoded ones could be read in two ways."""
    address = asked.address
    pairs = sorted(address.parameters.items())
    return identity_of(
        [
            asked.node.origin,
            address.rest.name,
            choice.format.name,
            choice.content_type,
            str(len(address.parts)),
            *address.parts,
            str(len(pairs)),
            *(text for pair in pairs for text in pair),
            *parts,
        ]
    )


def _header(asked: Request, identity: str, entries: Iterable[Entry]) -> Header:
    times = [each.manifest.publication_at for each in entries]
    return Header(
        message_id=message_id(identity),
        sender=sender_id(asked.node.origin),
        prepared=max(times, default=_BEFORE_ANY),
    )


def _unchanged(choice: Choice, identity: str) -> Answer:
    return Answer(
        content_type=choice.content_type,
        body=Body(b"", None),
        status=304,
        tag=tag_of(identity),
    )


def _made(choice: Choice, identity: str, body: Body, following: int | None) -> Answer:
    return Answer(
        content_type=choice.content_type,
        body=body,
        tag=tag_of(identity),
        next_offset=following,
    )


def _no_results() -> NotFoundError:
    return NotFoundError(
        "no data of this dataflow match the query",
        next_step="`availability` of SDMX-REST 2, `availableconstraint` of 1.5, says "
        "which areas, periods and codes there are.",
    )


__all__ = [
    "READERS",
    "Finish",
    "Request",
    "Visible",
    "Wishes",
    "answer",
    "bearer_proof",
    "visible",
]
