"""Signing in and out: learners with their one-time code, staff with a bearer token.

A new session is begun at every sign-in and the old one is ended, so that nobody can be made
to use a session that somebody else knows. Where a sign-in leads is fixed, never taken from
the address. An unknown, a used and an expired secret look the same.
"""

from typing import Annotated

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse

from interurban_node.accounts import service
from interurban_node.accounts.rules import start_page
from interurban_node.core.context import Node
from interurban_node.core.errors import NotSignedInError, TooManyAttemptsError
from interurban_node.core.pages import (
    SECURITY_HEADERS,
    check_form,
    cookie_name,
    page,
)
from interurban_node.core.web import NodeDependency

router = APIRouter(include_in_schema=False)

LEARNERS_PAGE = "/my"
Token = Annotated[str, Form(max_length=200)]
Secret = Annotated[str, Form(max_length=200)]

_STAFF_PATHS = ("/staff", "/committee")


def sign_in_path(path: str) -> str:
    """Where somebody has to sign in who wanted to see `path`."""
    staff = any(path == p or path.startswith(f"{p}/") for p in _STAFF_PATHS)
    return "/staff/sign-in" if staff else "/sign-in"


@router.get("/sign-in")
def learner_form(request: Request, node: NodeDependency) -> HTMLResponse:
    """The form for a learner's code, and where a code comes from."""
    return page(request, node, "accounts/sign_in.html", problem="")


@router.post("/sign-in")
def sign_in_learner(
    request: Request, node: NodeDependency, code: Secret = "", form_token: Token = ""
) -> Response:
    """Begin a learner's session."""
    check_form(request, node, form_token)
    now = node.clock()
    try:
        with node.database.transaction() as session:
            token = service.sign_in_learner(session, node, code, _source(request), now)
            service.sign_out(session, node, _cookie(request, node), now)
    except (NotSignedInError, TooManyAttemptsError) as error:
        return _again(request, node, "accounts/sign_in.html", error)
    return _signed_in(node, token, LEARNERS_PAGE)


@router.get("/staff/sign-in")
def staff_form(request: Request, node: NodeDependency) -> HTMLResponse:
    """The form for a bearer token."""
    return page(request, node, "accounts/staff_sign_in.html", problem="")


@router.post("/staff/sign-in")
def sign_in_staff(
    request: Request, node: NodeDependency, token: Secret = "", form_token: Token = ""
) -> Response:
    """Begin a session of somebody on the staff."""
    check_form(request, node, form_token)
    now = node.clock()
    try:
        with node.database.transaction() as session:
            made = service.sign_in_staff(session, node, token, _source(request), now)
            service.sign_out(session, node, _cookie(request, node), now)
            role = service.staff_of(session, node, made, now).role
    except (NotSignedInError, TooManyAttemptsError) as error:
        return _again(request, node, "accounts/staff_sign_in.html", error)
    return _signed_in(node, made, start_page(role))


@router.get("/staff")
def staff_page(request: Request, node: NodeDependency) -> HTMLResponse:
    """Where staff begin: who is signed in, and where to go.

    Raises:
        NotSignedInError: nobody on the staff is signed in here.
    """
    with node.database.transaction() as session:
        staff = service.staff_of(session, node, _cookie(request, node), node.clock())
    return page(request, node, "accounts/staff.html", staff=staff)


@router.post("/sign-out")
def sign_out(
    request: Request, node: NodeDependency, form_token: Token = ""
) -> Response:
    """End the session, whoever's it is."""
    check_form(request, node, form_token)
    now = node.clock()
    with node.database.transaction() as session:
        service.sign_out(session, node, _cookie(request, node), now)
    response = page(request, node, "accounts/signed_out.html")
    response.delete_cookie(
        cookie_name(node, "session"),
        secure=node.settings.secure,
        httponly=True,
        samesite="lax",
    )
    return response


def _signed_in(node: Node, token: str, path: str) -> Response:
    response = RedirectResponse(path, 303, headers=dict(SECURITY_HEADERS))
    response.set_cookie(
        cookie_name(node, "session"),
        token,
        httponly=True,
        secure=node.settings.secure,
        samesite="lax",
        path="/",
    )
    return response


def _again(
    request: Request,
    node: Node,
    template: str,
    error: NotSignedInError | TooManyAttemptsError,
) -> HTMLResponse:
    too_many = isinstance(error, TooManyAttemptsError)
    problem = "too many" if too_many else "not valid"
    return page(
        request, node, template, status=429 if too_many else 401, problem=problem
    )


def _cookie(request: Request, node: Node) -> str | None:
    return request.cookies.get(cookie_name(node, "session"))


def _source(request: Request) -> str:
    return request.client.host if request.client else ""
