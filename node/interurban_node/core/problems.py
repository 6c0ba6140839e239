"""Errors of the whole node as problem details; the only place that knows HTTP statuses."""

from collections.abc import Mapping

from interurban_adapters import errors as adapter_errors
from interurban_node.core import errors
from interurban_protocol.errors import InterurbanError
from interurban_protocol.problems import (
    INTERNAL,
    PROTOCOL_PROBLEMS,
    Problem,
    ProblemType,
    problem_of,
)

PROBLEMS: Mapping[type[InterurbanError], ProblemType] = {
    **PROTOCOL_PROBLEMS,
    adapter_errors.AdapterError: ProblemType(
        "source", 500, "A registry source failed", "Sources are read, never guessed."
    ),
    errors.NodeError: INTERNAL,
    errors.ConfigurationError: ProblemType(
        "configuration", 500, "The node is not set up", "A node starts only when whole."
    ),
    errors.StateError: ProblemType(
        "state",
        409,
        "Not possible now",
        "Each thing has a state and an owner of the next move.",
    ),
    errors.AlreadyDoneError: ProblemType(
        "already-done", 409, "Done before", "Once is all there is."
    ),
    errors.MessageConflictError: ProblemType(
        "message-conflict",
        409,
        "Message id used for another content",
        "A message id stands for one method, target and content.",
    ),
    errors.RecoveringError: ProblemType(
        "recovering",
        503,
        "The node is recovering",
        "Nothing is served before what must never be undone has been re-applied.",
    ),
    errors.NotFoundError: ProblemType(
        "not-found",
        404,
        "Nothing here",
        "What a caller may not see does not exist for it.",
    ),
    errors.RefusedError: ProblemType(
        "refused",
        403,
        "Refused",
        "Only what agreement, plan and consent allow leaves the node.",
    ),
    errors.NotOfferedError: ProblemType(
        "not-offered",
        501,
        "Not offered",
        "Releases are final: a service that shows what changed shows who left.",
    ),
    errors.NotAcceptableError: ProblemType(
        "not-acceptable",
        406,
        "No such format",
        "The caller chooses the format, by media type.",
    ),
    errors.OutsideAgreementError: ProblemType(
        "outside-agreement",
        403,
        "No agreement covers this",
        "Cities exchange only under an agreement that all parties signed.",
    ),
    errors.OutsidePlanError: ProblemType(
        "outside-plan",
        403,
        "Not in the release plan",
        "A plan fixes dataflows, periods and recipients before the figures exist.",
    ),
    errors.SuspendedError: ProblemType(
        "suspended",
        403,
        "Disclosure is suspended",
        "Each city may stop new disclosure to a partner at once.",
    ),
    errors.NotPublishedError: ProblemType(
        "not-published",
        403,
        "Not published yet",
        "All recipients get a release at the same, planned time.",
    ),
    errors.NotSignedInError: ProblemType(
        "not-signed-in", 401, "Sign-in needed", "People and programs say who they are."
    ),
    errors.TooManyAttemptsError: ProblemType(
        "too-many-attempts", 429, "Too many attempts", "Guessing is slowed down."
    ),
    errors.PartnerError: ProblemType(
        "partner", 502, "The partner failed", "A partner's fault is named as its own."
    ),
    errors.PartnerUnavailableError: ProblemType(
        "partner-unavailable",
        503,
        "The partner did not answer",
        "What waits is not lost.",
    ),
    errors.PartnerRefusedError: ProblemType(
        "partner-refused", 502, "The partner refused", "A refusal names its reason."
    ),
}


def problem_for(error: InterurbanError) -> Problem:
    """The problem that `error` becomes on the wire."""
    problem = problem_of(error, PROBLEMS)
    if isinstance(error, errors.RefusedError) and error.reasons:
        return Problem(problem.type, problem.detail, problem.next_step, error.reasons)
    return problem
