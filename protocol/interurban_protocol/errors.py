"""What can be wrong, in one tree for the whole of Interurban.

Grouped by whose fault it is and what the receiver may do::

    InterurbanError
    └── ProtocolError                 something that came over the border, or was about to
        ├── MalformedError            the bytes are not what they claim to be
        │   └── OversizedError        more bytes, entries or depth than allowed
        ├── UnsupportedError          a version or critical field that we do not know
        ├── VerificationError         well formed, and not to be believed
        │   ├── UnsignedError         no signature where one is required
        │   ├── SignatureInvalidError the signature does not verify, or covers too little
        │   ├── UnknownKeyError       signed by a key that was never announced to us
        │   ├── WrongKeyError         a known key with the wrong purpose, time or state
        │   ├── SignersError          a required signature is missing, doubled or extra
        │   ├── DigestMismatchError   the content is not the content that was signed
        │   ├── WrongTargetError      meant for another node
        │   └── ChainError            does not follow on what we hold (gap, fork, rollback)
        ├── OutOfTimeError            right once, or later
        │   ├── ExpiredError
        │   └── NotYetValidError
        ├── ReplayedError             a message that was already accepted
        └── DisclosureError           publishing this would say too much about a person

`interurban_adapters.errors` and `interurban_node.core.errors` continue the tree. Messages
state a fact in lower case and never contain personal data; `next_step` says what the reader
can do about it. Which problem type each becomes on the wire stands in
`interurban_protocol.problems`.
"""

from typing import ClassVar


class InterurbanError(Exception):
    """Base of every error that Interurban raises on purpose."""

    default_next_step: ClassVar[str] = "Read the message and correct the input."

    def __init__(self, message: str, *, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.next_step = next_step or self.default_next_step


class ProtocolError(InterurbanError):
    """Something that came over the border, or was about to cross it, is wrong."""


class MalformedError(ProtocolError):
    """The bytes are not what they claim to be."""

    default_next_step = "Send the document in the form that docs/protocol.md describes."


class OversizedError(MalformedError):
    """More bytes, entries or depth than this node accepts."""

    default_next_step = "Send less at once; the limits stand in the node's descriptor."


class UnsupportedError(ProtocolError):
    """A protocol version or critical field that this node does not know."""

    default_next_step = "Use a version that the node's descriptor names."


class VerificationError(ProtocolError):
    """Well formed, and not to be believed."""

    default_next_step = "Do not use the document; ask its issuer for a fresh copy."


class UnsignedError(VerificationError):
    """No signature where one is required."""

    default_next_step = "Sign the request as RFC 9421 and docs/protocol.md describe."


class SignatureInvalidError(VerificationError):
    """The signature does not verify, or covers less than it must."""

    default_next_step = "Sign again over the exact bytes with the announced key."


class UnknownKeyError(VerificationError):
    """Signed by a key that was never announced."""

    default_next_step = "Join the two nodes, or fetch the signer's newest descriptor."


class WrongKeyError(VerificationError):
    """A known key, but with the wrong purpose, time or state."""

    default_next_step = "Sign with a key that is valid for this purpose today."


class SignersError(VerificationError):
    """A required signature is missing, doubled, or there is one too many."""

    default_next_step = "Collect exactly one signature from each party that is named."


class DigestMismatchError(VerificationError):
    """The content is not the content that was signed."""

    default_next_step = "Fetch the content again; if it differs again, tell its issuer."


class WrongTargetError(VerificationError):
    """Meant for another node."""

    default_next_step = "Send the message to the node that it names."


class ChainError(VerificationError):
    """Does not follow on what is held: a gap, a fork or a step back."""

    default_next_step = "Compare both sides' newest entries before going on."


class OutOfTimeError(ProtocolError):
    """Right at another time than now."""

    default_next_step = "Check both clocks; then send it again."


class ExpiredError(OutOfTimeError):
    """Its time is over."""


class NotYetValidError(OutOfTimeError):
    """Its time has not come."""


class ReplayedError(ProtocolError):
    """A message that was already accepted."""

    default_next_step = "Sign again with a fresh nonce."


class DisclosureError(ProtocolError):
    """Publishing this would say too much about a person."""

    default_next_step = "Publish less detail; see docs/protection.md."
