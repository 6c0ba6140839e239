"""HTTP requests and responses without a framework: what is signed, verified and kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value.strip() for name, value in headers.items()}


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """A request as it stands on the wire.

    `target_uri` is absolute and built from the receiver's *configured* origin, never from
    the Host header. Header names are lower case; a field that came more than once is joined
    with a comma and a space (RFC 9110 section 5.3).
    """

    method: str
    target_uri: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", _lower(self.headers))

    def with_headers(self, headers: Mapping[str, str]) -> "HttpRequest":
        """The request with `headers` added or replaced."""
        merged = {**self.headers, **_lower(headers)}
        return HttpRequest(self.method, self.target_uri, merged, self.body)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A response as it stands on the wire; headers as in `HttpRequest`."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def __post_init__(self) -> None:
        object.__setattr__(self, "headers", _lower(self.headers))

    def with_headers(self, headers: Mapping[str, str]) -> "HttpResponse":
        """The response with `headers` added or replaced."""
        return HttpResponse(self.status, {**self.headers, **_lower(headers)}, self.body)
