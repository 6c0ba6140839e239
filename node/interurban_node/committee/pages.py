"""The committee's pages and downloads, for signed-in staff or a bearer token."""

import json
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from interurban_node.accounts.rules import Role
from interurban_node.accounts.service import staff_of, verify_token
from interurban_node.committee import renderings, service
from interurban_node.committee.charts import chart
from interurban_node.committee.definitions import definition_views
from interurban_node.committee.tables import CommitteeTable
from interurban_node.committee.views import Selection, form_view, table_view
from interurban_node.core.context import Node
from interurban_node.core.errors import NotFoundError, RefusedError
from interurban_node.core.pages import (
    SECURITY_HEADERS,
    cookie_name,
    language_of,
    page,
)
from interurban_node.core.web import NodeDependency, SessionDependency
from interurban_protocol.indicators import STANDARD

router = APIRouter()
READERS = frozenset({Role.COMMITTEE_MEMBER, Role.IT_OPERATOR, Role.AUDITOR})


def selection(
    indicator: str = "",
    dataflow: str = "",
    first: Annotated[str, Query(alias="from")] = "",
    last: Annotated[str, Query(alias="to")] = "",
    period: Annotated[list[str] | None, Query()] = None,
    city: Annotated[list[str] | None, Query()] = None,
    by: Annotated[list[str] | None, Query()] = None,
    where: str = "",
) -> Selection:
    """The selection in the address; what is named twice counts once."""
    return Selection(
        indicator=indicator,
        dataflow=dataflow,
        first=first,
        last=last,
        periods=_once(period),
        cities=_once(city),
        by=_once(by),
        where=where,
    )


SelectionDependency = Annotated[Selection, Depends(selection)]


@router.get("/committee")
def committee(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> HTMLResponse:
    """The table and chart of all cities, with the form to choose another one."""
    now = node.clock()
    check_reader(request, node, session, now)
    language = language_of(request, node)
    available = service.choices(session, now)
    if not available:
        return page(request, node, "committee/empty.html")
    problem: RefusedError | NotFoundError | None = None
    choice, view = service.choose(available), None
    try:
        choice = service.choose(available, chosen.indicator, chosen.dataflow)
        view = table_view(_table(session, node, chosen, now), language)
    except (RefusedError, NotFoundError) as error:  # say so beside the form
        problem = error
    cities = service.known_cities(session, node)
    return page(
        request,
        node,
        "committee/table.html",
        status=_status(problem),
        form=form_view(available, choice, cities, chosen, language),
        problem=problem,
        table=view,
        download=chosen.query,
    )


@router.get("/committee/indicators")
def indicators(
    request: Request, node: NodeDependency, session: SessionDependency
) -> HTMLResponse:
    """Every definition: the standard ones, then those of other dataflows held here."""
    now = node.clock()
    check_reader(request, node, session, now)
    available = [choice.indicator for choice in service.choices(session, now)]
    known = {each.id for each in STANDARD}
    listed = [*STANDARD, *(each for each in available if each.id not in known)]
    return page(
        request,
        node,
        "committee/indicators.html",
        definitions=definition_views(listed, language_of(request, node)),
        available={each.id for each in available},
    )


@router.get("/committee/table.csv")
def table_csv(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> Response:
    """The same table as CSV."""
    table = _checked_table(request, node, session, chosen)
    return _download(renderings.csv_text(table), "text/csv", "committee.csv")


@router.get("/committee/table.sdmx.csv")
def table_sdmx_csv(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> Response:
    """The same table as SDMX-CSV 2.0.0."""
    table = _checked_table(request, node, session, chosen)
    media_type = "application/vnd.sdmx.data+csv;version=2.0.0"
    return _download(renderings.sdmx_csv_text(table), media_type, "committee.sdmx.csv")


@router.get("/committee/table.json")
def table_json(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> Response:
    """The same table as JSON."""
    table = _checked_table(request, node, session, chosen)
    text = json.dumps(renderings.json_value(table), ensure_ascii=False)
    return _download(text, "application/json", "committee.json")


@router.get("/committee/chart.svg")
def chart_svg(
    request: Request,
    node: NodeDependency,
    session: SessionDependency,
    chosen: SelectionDependency,
) -> Response:
    """The same table as a drawing."""
    table = _checked_table(request, node, session, chosen)
    drawn = chart(table, language_of(request, node))
    return _download(drawn.svg, "image/svg+xml", "committee.svg")


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


def _checked_table(
    request: Request, node: Node, session: Session, chosen: Selection
) -> CommitteeTable:
    now = node.clock()
    check_reader(request, node, session, now)
    return _table(session, node, chosen, now)


def _table(
    session: Session, node: Node, chosen: Selection, now: datetime
) -> CommitteeTable:
    available = service.choices(session, now)
    choice = service.choose(available, chosen.indicator, chosen.dataflow)
    asked = service.between(choice, chosen.first, chosen.last, now)
    return service.table(
        session,
        node,
        indicator=choice.indicator.id,
        periods=chosen.periods or asked,
        cities=chosen.cities,
        by=chosen.by,
        filters=chosen.filters,
        now=now,
    )


def _once(values: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in values or () if each))


def _status(problem: RefusedError | NotFoundError | None) -> int:
    if problem is None:
        return 200
    return 404 if isinstance(problem, NotFoundError) else 422


def _download(text: str, media_type: str, name: str) -> Response:
    headers = {
        **SECURITY_HEADERS,
        "content-disposition": f'attachment; filename="{name}"',
    }
    return Response(text, media_type=f"{media_type}; charset=utf-8", headers=headers)
