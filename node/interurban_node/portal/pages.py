"""Pages under /my, for a learner who signed in.

Nobody else's records can be reached here: every read is by the learner reference of the
session, never by one in the address.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Form, Query, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from sqlalchemy.orm import Session

from interurban_node.accounts.service import SignedInLearner, learner_of
from interurban_node.consent import service as consent
from interurban_node.core.context import Node
from interurban_node.core.errors import StateError
from interurban_node.core.pages import (
    SECURITY_HEADERS,
    Language,
    check_form,
    cookie_name,
    language_of,
    page,
)
from interurban_node.core.web import NodeDependency, SessionDependency
from interurban_node.credentials.service import slip
from interurban_node.partners.service import names
from interurban_node.portal import service
from interurban_node.portal.words import Words
from interurban_protocol.consent_records import ConsentState, Scope

router = APIRouter(prefix="/my", include_in_schema=False)

STATES = {"yes": ConsentState.GIVEN, "no": ConsentState.REFUSED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request of a signed-in learner."""

    request: Request
    node: Node
    session: Session
    learner: SignedInLearner
    now: datetime
    language: Language

    @property
    def learner_ref(self) -> str:
        """Whose pages these are."""
        return self.learner.learner_ref

    def page(self, template: str, section: str = "", **values: Any) -> HTMLResponse:
        """A page of the portal."""
        return page(
            self.request,
            self.node,
            f"portal/{template}.html",
            section=section,
            words=Words(self.language, names(self.session, self.node)),
            now=self.now,
            **values,
        )


def visit(request: Request, node: NodeDependency, session: SessionDependency) -> Visit:
    """The visit, if the learner is signed in.

    Raises:
        NotSignedInError: no session, or one that ended.
    """
    now = node.clock()
    cookie = request.cookies.get(cookie_name(node, "session"))
    return Visit(
        request=request,
        node=node,
        session=session,
        learner=learner_of(session, node, cookie, now),
        now=now,
        language=language_of(request, node),
    )


VisitDependency = Annotated[Visit, Depends(visit, scope="function")]
Token = Annotated[str, Form()]
CertificateId = Annotated[str | None, Query(max_length=60)]


@router.get("")
def overview(visit: VisitDependency) -> HTMLResponse:
    """What is asked, what is shared, who used what: the short form of each."""
    seen = service.overview(visit.session, visit.node, visit.learner_ref, visit.now)
    return visit.page("overview", "overview", overview=seen)


@router.get("/questions/{question_id}")
def question(
    visit: VisitDependency, question_id: str, certificate: CertificateId = None
) -> HTMLResponse:
    """One question: who, what, why, until when, and two buttons of the same weight."""
    asked = consent.question(visit.session, question_id)
    if asked.superseded_at is not None:
        raise StateError(
            "the question was replaced by a newer one",
            next_step="Open your first page; the newest question stands there.",
        )
    about = None
    if asked.scope is Scope.REFERENCE:
        about = service.certificate(visit.session, visit.learner_ref, certificate or "")
    return visit.page(
        "question",
        asked=asked,
        shown=asked.language(visit.language.code),
        certificate=about,
    )


@router.post("/questions/{question_id}")
def answer(
    visit: VisitDependency,
    question_id: str,
    answer: Annotated[Literal["yes", "no"], Form()],
    shown: Annotated[str, Form(max_length=40)],
    form_token: Token = "",
    certificate: Annotated[str | None, Form(max_length=60)] = None,
) -> Response:
    """Record the answer to the words that were shown."""
    check_form(visit.request, visit.node, form_token)
    sequence = service.record_answer(
        visit.session,
        visit.node,
        visit.learner_ref,
        consent.question(visit.session, question_id),
        STATES[answer],
        shown,
        visit.now,
        certificate_id=certificate,
    )
    return _see(f"/my/answers/{sequence}")


@router.get("/answers/{sequence}")
def answered(visit: VisitDependency, sequence: int) -> HTMLResponse:
    """What was recorded, what happens next, what remains, and the receipt."""
    done = service.answered(visit.session, visit.learner_ref, sequence, visit.now)
    return visit.page("answered", answered=done)


@router.get("/receipts/{sequence}")
def receipt(visit: VisitDependency, sequence: int) -> Response:
    """The signed receipt of an answer, as a file."""
    document = consent.receipt_of(visit.session, visit.learner_ref, sequence)
    return Response(
        document,
        media_type="application/json",
        headers={
            **SECURITY_HEADERS,
            "content-disposition": f'attachment; filename="receipt-{sequence}.json"',
        },
    )


@router.get("/sharing")
def sharing(visit: VisitDependency) -> HTMLResponse:
    """Everything that stands, each with its own way to stop, and all that was answered."""
    return visit.page(
        "sharing",
        "sharing",
        sharing=service.sharing(visit.session, visit.learner_ref, visit.now),
        answers=service.answers(visit.session, visit.learner_ref),
    )


@router.post("/stop")
def stop(
    visit: VisitDependency,
    question: Annotated[str, Form(max_length=71)],
    form_token: Token = "",
    credential: Annotated[str | None, Form(max_length=60)] = None,
) -> Response:
    """End one thing at once, in one step."""
    check_form(visit.request, visit.node, form_token)
    sequence = service.stop(
        visit.session,
        visit.node,
        visit.learner_ref,
        question,
        credential or None,
        visit.language.code,
        visit.now,
    )
    return _see(f"/my/answers/{sequence}")


@router.get("/uses")
def uses(visit: VisitDependency) -> HTMLResponse:
    """Who used what: every table and every pointer, in plain words."""
    return visit.page(
        "uses",
        "uses",
        tables=service.tables(visit.session, visit.learner_ref, visit.now),
        references=service.references(visit.session, visit.learner_ref),
    )


@router.get("/certificates")
def certificates(visit: VisitDependency) -> HTMLResponse:
    """The learner's certificates, and how each city stands to each."""
    found = service.certificates(visit.session, visit.learner_ref, visit.now)
    return visit.page("certificates", "certificates", certificates=found)


@router.get("/slips/{reference_id}")
def slip_page(visit: VisitDependency, reference_id: str) -> HTMLResponse:
    """What only the learner holds about one pointer, to be printed."""
    use = next(
        (
            use
            for use in service.references(visit.session, visit.learner_ref)
            if use.reference.reference_id == reference_id
        ),
        None,
    )
    secrets = slip(visit.session, visit.node, visit.learner_ref, reference_id)
    return visit.page("slip", use=use, slip=secrets)


def _see(path: str) -> Response:
    return RedirectResponse(path, status_code=303)
