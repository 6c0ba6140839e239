"""The one source of chance: identifiers, nonces, salts, codes and key material."""

import base64
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime

_CODE_ALPHABET = "23456789ABCDEFGHJKMNPQRSTVWXYZ"  # nothing that looks like another


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Fresh identifiers from the operating system's generator."""

    def random_bytes(self, count: int) -> bytes:
        """`count` unpredictable bytes."""
        return secrets.token_bytes(count)

    def token(self) -> str:
        """An unguessable text of 256 bits, for bearer tokens and sessions."""
        return self._text(32)

    def nonce(self) -> str:
        """A text of 128 bits that never comes twice."""
        return self._text(16)

    def message_id(self, now: datetime) -> str:
        """A UUIDv7 (RFC 9562): sorts by time, so that indexes stay compact."""
        milliseconds = int(now.timestamp() * 1000)
        chance = int.from_bytes(secrets.token_bytes(10))
        value = milliseconds << 80 | chance & ((1 << 80) - 1)
        value = value & ~(0xF << 76) | 0x7 << 76
        value = value & ~(0x3 << 62) | 0x2 << 62
        return str(uuid.UUID(int=value))

    def uuid(self) -> str:
        """A random UUID that says nothing, not even when it was made."""
        return str(uuid.uuid4())

    def code(self) -> str:
        """A sign-in code for people: twelve characters, 58 bits, in groups of four."""
        letters = "".join(secrets.choice(_CODE_ALPHABET) for _ in range(12))
        return "-".join(letters[i : i + 4] for i in range(0, 12, 4))

    def index(self, below: int) -> int:
        """A number from 0 to `below` - 1, each equally likely."""
        return secrets.randbelow(below)

    def shuffled(self, items: list[str]) -> list[str]:
        """The items in an order that says nothing."""
        return sorted(items, key=lambda _: secrets.randbits(64))

    def _text(self, count: int) -> str:
        return (
            base64.urlsafe_b64encode(secrets.token_bytes(count)).rstrip(b"=").decode()
        )


def normal_code(code: str) -> str:
    """A sign-in code as typed by a person, in its one form."""
    letters = "".join(code.upper().split()).replace("-", "")
    return "-".join(letters[i : i + 4] for i in range(0, len(letters), 4))
