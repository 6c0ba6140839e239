"""Problem details (RFC 9457): one registry of everything that a node may answer.

Each type has a stable URI, `urn:interurban:problem:<slug>`, a status, and the rule that was
applied. The fact (`detail`) and the next step (`next_step`) come with each occurrence.
`problem_of` finds the type of an error by its class, the nearest ancestor first; a test
walks the whole error tree and demands that none falls through to the last resort.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from interurban_protocol import errors
from interurban_protocol.encoding import canonical_json

MEDIA_TYPE = "application/problem+json"
URN_PREFIX = "urn:interurban:problem:"


@dataclass(frozen=True, slots=True)
class ProblemType:
    """One kind of problem."""

    slug: str
    status: int
    title: str
    rule: str

    @property
    def uri(self) -> str:
        """The type's URI."""
        return URN_PREFIX + self.slug


@dataclass(frozen=True, slots=True)
class Problem:
    """One occurrence of a problem, as it goes on the wire."""

    type: ProblemType
    detail: str
    next_step: str
    reasons: tuple[str, ...] = ()

    def to_json(self) -> bytes:
        """The RFC 9457 document."""
        return canonical_json(
            {
                "type": self.type.uri,
                "title": self.type.title,
                "status": self.type.status,
                "detail": self.detail,
                "rule": self.type.rule,
                "next_step": self.next_step,
                **({"reasons": list(self.reasons)} if self.reasons else {}),
            }
        )


INTERNAL = ProblemType(
    "internal", 500, "The node failed", "Faults of the node are never the caller's."
)

PROTOCOL_PROBLEMS: Mapping[type[errors.InterurbanError], ProblemType] = {
    errors.MalformedError: ProblemType(
        "malformed", 400, "Not in the agreed form", "Documents have exactly one form."
    ),
    errors.OversizedError: ProblemType(
        "oversized", 413, "Too large", "A node reads no more than its descriptor names."
    ),
    errors.UnsupportedError: ProblemType(
        "unsupported",
        422,
        "Not known to this version",
        "What is not understood is neither signed nor obeyed.",
    ),
    errors.VerificationError: ProblemType(
        "not-verified", 401, "Not to be believed", "Only what verifies is acted on."
    ),
    errors.UnsignedError: ProblemType(
        "unsigned", 401, "Signature missing", "Every request between nodes is signed."
    ),
    errors.SignatureInvalidError: ProblemType(
        "signature-invalid",
        401,
        "Signature not valid",
        "The signature must verify and cover all that the profile names.",
    ),
    errors.UnknownKeyError: ProblemType(
        "key-unknown", 401, "Key not known", "Keys are announced in a descriptor first."
    ),
    errors.WrongKeyError: ProblemType(
        "key-not-valid",
        401,
        "Key not valid for this",
        "A key signs for one purpose in its time, and nothing once compromised.",
    ),
    errors.SignersError: ProblemType(
        "signers",
        422,
        "Not exactly the required signatures",
        "One signature by each party that is named, none missing, doubled or extra.",
    ),
    errors.DigestMismatchError: ProblemType(
        "digest-mismatch",
        400,
        "Content does not match its digest",
        "Content is what was signed, byte for byte.",
    ),
    errors.WrongTargetError: ProblemType(
        "wrong-target", 421, "Meant for another node", "A message names its receiver."
    ),
    errors.ChainError: ProblemType(
        "chain", 409, "Does not follow on what is held", "Histories only grow."
    ),
    errors.OutOfTimeError: ProblemType(
        "out-of-time", 401, "Not at this time", "Everything has its time."
    ),
    errors.ExpiredError: ProblemType(
        "expired", 401, "Expired", "What has expired is not accepted."
    ),
    errors.NotYetValidError: ProblemType(
        "not-yet-valid", 401, "Not valid yet", "What begins later is not accepted now."
    ),
    errors.ReplayedError: ProblemType(
        "replayed", 409, "Seen before", "A nonce is accepted once."
    ),
    errors.DisclosureError: ProblemType(
        "disclosure",
        403,
        "Would say too much about a person",
        "No figure leaves from which one learner could be found.",
    ),
    errors.ProtocolError: ProblemType(
        "protocol",
        400,
        "Against the protocol",
        "docs/protocol.md describes each message.",
    ),
    errors.InterurbanError: INTERNAL,
}


def problem_of(
    error: errors.InterurbanError,
    registry: Mapping[type[errors.InterurbanError], ProblemType] = PROTOCOL_PROBLEMS,
) -> Problem:
    """The problem that `error` becomes, by the nearest class in `registry`."""
    for ancestor in type(error).__mro__:
        if ancestor in registry:
            return Problem(registry[ancestor], error.message, error.next_step)
    return Problem(INTERNAL, error.message, error.next_step)
