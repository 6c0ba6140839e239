"""The committee's page and its downloads, for signed-in staff or a bearer token."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from interurban_node.accounts.rules import Role
from interurban_node.accounts.service import staff_of, verify_token
from interurban_node.committee import rules, service
from interurban_node.committee.figures import Figure, Indicator, Mark
from interurban_node.committee.rules import CommitteeTable
from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError
from interurban_node.core.pages import (
    SECURITY_HEADERS,
    Language,
    cookie_name,
    language_of,
    page,
)
from interurban_node.core.web import NodeDependency, SessionDependency
from interurban_protocol.structures import Structure

router = APIRouter()
READERS = frozenset({Role.COMMITTEE_MEMBER, Role.IT_OPERATOR, Role.AUDITOR})


@dataclass(frozen=True, slots=True)
class Selection:
    """What the form asks for; empty texts are the defaults."""

    dataflow: str
    periods: tuple[str, ...]
    by: tuple[str, ...]
    where: str  # DIMENSION:CODE

    @property
    def filters(self) -> Mapping[str, str]:
        """The one filter that the form has, if it is used."""
        dimension_id, _, code_id = self.where.partition(":")
        return {dimension_id: code_id} if dimension_id else {}

    @property
    def query(self) -> str:
        """The selection as a query string, for the downloads."""
        return urlencode(
            [
                ("dataflow", self.dataflow),
                *(("period", period) for period in self.periods),
                *(("by", dimension_id) for dimension_id in self.by),
                ("where", self.where),
            ]
        )


def selection(
    dataflow: str = "",
    period: Annotated[list[str] | None, Query()] = None,
    by: Annotated[list[str] | None, Query()] = None,
    where: str = "",
) -> Selection:
    """The selection in the address; a dimension named twice counts once."""
    return Selection(
        dataflow,
        tuple(each for each in period or () if each),
        tuple(dict.fromkeys(each for each in by or () if each)),
        where,
    )


SelectionDependency = Annotated[Selection, Depends(selection)]


@dataclass(frozen=True, slots=True)
class Option:
    """One entry of a list to choose from."""

    value: str
    text: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class FormView:
    """What the form offers."""

    dataflows: Sequence[Option]
    periods: Sequence[Option]
    breakdowns: Sequence[Sequence[Option]]  # the two lists of dimensions
    filters: Sequence[tuple[str, Sequence[Option]]]  # by name of dimension


@dataclass(frozen=True, slots=True)
class CellView:
    """One figure: its value and range as text, or its mark."""

    value: str | None
    low_high: str | None
    mark: Mark


@dataclass(frozen=True, slots=True)
class RowView:
    """One group of rows: the period, the names of its codes, and a line for each city.

    The last line, without a name, is the combined one.
    """

    period: str
    names: Sequence[str]
    lines: Sequence[tuple[str, Sequence[CellView]]]


@dataclass(frozen=True, slots=True)
class SourceView:
    """Where a city's figures come from, in the reader's language."""

    city: str
    period: str
    as_of: str | None
    coverage: int | None
    release_id: str | None


@dataclass(frozen=True, slots=True)
class TableView:
    """The table, ready for its template."""

    title: str
    measure: str
    rows: Sequence[RowView]
    sources: Sequence[SourceView]
    filters: Sequence[tuple[str, str]]
    has_missing: bool
    threshold: int
    denominator: int


@router.get("/committee")
def committee(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> HTMLResponse:
    """The table of all cities, with the form to choose another one."""
    now = node.clock()
    check_reader(request, node, session, now)
    language = language_of(request, node)
    available = service.choices(session, now)
    if not available:
        return page(request, node, "committee/empty.html")
    structure = service.choose(available, chosen.dataflow).structure
    problem, view = None, None
    try:
        view = table_view(_table(session, node, chosen, now), language)
    except RefusedError as error:  # an impossible breakdown: say so beside the form
        problem = error
    return page(
        request,
        node,
        "committee/table.html",
        status=200 if problem is None else 422,
        form=form_view(available, structure, chosen, language),
        problem=problem,
        table=view,
        download=chosen.query,
    )


@router.get("/committee/table.csv")
def table_csv(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> Response:
    """The same table as CSV."""
    now = node.clock()
    check_reader(request, node, session, now)
    text = rules.csv_text(_table(session, node, chosen, now))
    return _download(text, "text/csv", "committee.csv")


@router.get("/committee/table.json")
def table_json(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> Response:
    """The same table as JSON."""
    now = node.clock()
    check_reader(request, node, session, now)
    value = rules.json_value(_table(session, node, chosen, now))
    text = json.dumps(value, ensure_ascii=False)
    return _download(text, "application/json", "committee.json")


def check_reader(request: Request, node: Node, session: Session, now: datetime) -> None:
    """Refuse whoever may not read the committee's tables.

    Raises:
        NotSignedInError: nobody, or a token that is not valid.
        RefusedError: somebody with another role.
    """
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        role = verify_token(session, node, token, now).role
    else:
        cookie = request.cookies.get(cookie_name(node, "session"))
        role = staff_of(session, node, cookie, now).role
    if role not in READERS:
        raise RefusedError(
            "the committee's tables are for committee members, operators and auditors",
            next_step="Ask the node's operator for a token with the role you need.",
        )


def form_view(
    available: Sequence[service.Choice],
    structure: Structure,
    chosen: Selection,
    language: Language,
) -> FormView:
    """The form for what can be chosen, with what is chosen now."""
    code = language.code
    periods = next(
        each.periods for each in available if each.structure.urn == structure.urn
    )
    wanted = chosen.periods or periods[-1:]
    by = (*chosen.by, "", "")[:2]
    dimensions = rules.breakdown_dimensions(structure)
    return FormView(
        dataflows=[
            Option(
                each.structure.urn,
                rules.name_in(each.structure.names, code),
                each.structure.urn == structure.urn,
            )
            for each in available
        ],
        periods=[Option(each, each, each in wanted) for each in reversed(periods)],
        breakdowns=[
            [
                Option(each.id, rules.name_in(each.names, code), each.id == place)
                for each in dimensions
            ]
            for place in by
        ],
        filters=[
            (
                rules.name_in(each.names, code),
                [
                    Option(
                        f"{each.id}:{value.id}",
                        rules.name_in(value.names, code),
                        chosen.where == f"{each.id}:{value.id}",
                    )
                    for value in structure.base_codes(each.id)
                ],
            )
            for each in dimensions
        ],
    )


def table_view(table: CommitteeTable, language: Language) -> TableView:
    """The table in the reader's language."""
    code = language.code
    cities = {city.node: rules.name_in(city.names, code) for city in table.cities}
    return TableView(
        title=rules.name_in(table.structure.names, code),
        measure=rules.name_in(table.structure.measure, code),
        rows=[_row_view(table, row, code) for row in table.rows],
        sources=[_source_view(cities, each, language) for each in table.sources],
        filters=[
            (
                rules.name_in(table.structure.dimension(each).names, code),
                rules.code_name(table.structure, each, value, code),
            )
            for each, value in table.breakdown.filters.items()
        ],
        has_missing=any(table.missing(period) for period in table.periods),
        threshold=table.profile.threshold,
        denominator=table.profile.min_rate_denominator,
    )


def _table(
    session: Session, node: Node, chosen: Selection, now: datetime
) -> CommitteeTable:
    return service.table(
        session,
        node,
        dataflow=chosen.dataflow or None,
        periods=chosen.periods,
        by=chosen.by,
        filters=chosen.filters,
        now=now,
    )


def _row_view(table: CommitteeTable, row: rules.Row, code: str) -> RowView:
    cities = [*(rules.name_in(city.names, code) for city in table.cities), ""]
    return RowView(
        period=row.period,
        names=rules.code_names(table, row.codes, code),
        lines=[
            (name, [_cell_view(indicator, figure) for indicator, figure in figures])
            for name, figures in zip(cities, row.figures, strict=True)
        ],
    )


def _cell_view(indicator: Indicator, figure: Figure) -> CellView:
    if figure.value is None:
        return CellView(None, None, figure.mark)
    if indicator is Indicator.COMPLETION_RATE:
        return CellView(f"{figure.value} %", f"{figure.low}–{figure.high}", figure.mark)
    return CellView(str(figure.value), None, figure.mark)


def _source_view(
    cities: Mapping[str, str], source: rules.Source, language: Language
) -> SourceView:
    return SourceView(
        city=cities[source.node],
        period=source.period,
        as_of=language.date(source.cut_off) if source.cut_off else None,
        coverage=source.coverage,
        release_id=source.release_id,
    )


def _download(text: str, media_type: str, name: str) -> Response:
    headers = {
        **SECURITY_HEADERS,
        "content-disposition": f'attachment; filename="{name}"',
    }
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)
