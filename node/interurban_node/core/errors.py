"""The node's own errors; they continue the tree in `interurban_protocol.errors`.

::

    InterurbanError
    └── NodeError
        ├── ConfigurationError        the home, a setting or a file of the operator is wrong
        ├── StateError                not possible in the state that things are in
        │   ├── AlreadyDoneError      done before, and once is all there is
        │   ├── MessageConflictError  the message id was used for another content
        │   └── RecoveringError       the node has not yet re-applied its one-way journal
        ├── NotFoundError             nothing of that name, or not for this caller
        ├── RefusedError              a rule says no; carries the reasons
        │   ├── OutsideAgreementError no agreement in force covers it
        │   ├── OutsidePlanError      not what the release plan names
        │   ├── SuspendedError        disclosure between the two is suspended
        │   ├── NotPublishedError     its publication time has not come
        │   ├── NotOfferedError       a part of a standard that is left out, with the reason
        │   └── NotAcceptableError    no format that the caller accepts
        ├── NotSignedInError          a page or API that wants a person or token
        ├── TooManyAttemptsError      guessing is slowed down
        └── PartnerError              the other city's node did not do its part
            ├── PartnerUnavailableError   no answer; worth another try
            └── PartnerRefusedError       it answered with a problem
"""

from collections.abc import Sequence

from interurban_protocol.errors import InterurbanError


class NodeError(InterurbanError):
    """Something in this node prevents what was asked."""


class ConfigurationError(NodeError):
    """The home, a setting or a file of the operator is wrong."""

    default_next_step = "Run `interurban doctor` and follow what it says."


class StateError(NodeError):
    """Not possible in the state that things are in."""

    default_next_step = "Look at the present state with the matching `show` or `list`."


class AlreadyDoneError(StateError):
    """Done before, and once is all there is."""


class MessageConflictError(StateError):
    """The message id was used before, for another content."""

    default_next_step = "Send the changed message under a new id."


class RecoveringError(StateError):
    """The node has not yet re-applied its one-way journal."""

    default_next_step = "Run `interurban doctor`; it names what is missing."


class NotFoundError(NodeError):
    """Nothing of that name, or nothing that this caller may know of."""

    default_next_step = "Check the name; the matching `list` or `show` command has it."


class RefusedError(NodeError):
    """A rule says no."""

    default_next_step = "Change what the reasons name, then ask again."

    def __init__(
        self,
        message: str,
        *,
        reasons: Sequence[str] = (),
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.reasons = tuple(reasons)


class OutsideAgreementError(RefusedError):
    """No agreement in force covers what was asked."""

    default_next_step = "`agreement show` on both sides tells whose move is next."


class OutsidePlanError(RefusedError):
    """Not what the release plan names."""

    default_next_step = "`plan show` names dataflows, periods and recipients."


class SuspendedError(RefusedError):
    """One side has suspended new disclosure to the other."""

    default_next_step = (
        "Ask the other city's operator; the reason is in `agreement show`."
    )


class NotPublishedError(RefusedError):
    """Its publication time has not come."""

    default_next_step = "Ask again at the publication time that the plan names."


class NotSignedInError(NodeError):
    """A page or an API that wants to know who is asking."""

    default_next_step = "Sign in, or send a bearer token that is valid for this node."


class TooManyAttemptsError(NodeError):
    """Guessing is slowed down."""

    default_next_step = "Wait a quarter of an hour, then try again."


class PartnerError(NodeError):
    """The other city's node did not do its part."""

    default_next_step = (
        "Ask the partner's operator; `interurban doctor` shows both sides."
    )


class PartnerUnavailableError(PartnerError):
    """No answer came."""

    default_next_step = "Try again later; nothing was lost."


class PartnerRefusedError(PartnerError):
    """The partner answered with a problem."""

    def __init__(
        self,
        message: str,
        *,
        slug: str = "",
        status: int = 0,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, next_step=next_step)
        self.slug = slug
        self.status = status


class NotOfferedError(RefusedError):
    """A part of a standard that this node does not offer, for a reason that it gives."""

    default_next_step = "docs/sdmx.md lists what is offered; leave this part out."


class NotAcceptableError(RefusedError):
    """None of the formats that the caller accepts is one of ours."""

    default_next_step = "Name one of the media types in the reasons in `Accept`."
