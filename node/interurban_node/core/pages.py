"""Server-rendered pages: templates, languages, security headers, cookies, forms.

* Jinja2 with autoescaping; templates get view objects, never tables.
* Each feature keeps its templates in its own `templates/` folder; `core/templates` has the
  base page and the one stylesheet (logical properties, so that right-to-left needs no other).
* Messages are gettext catalogues in `core/translations/<feature>.<language>.po`, read as they are.
* No script anywhere; the content security policy forbids it.
* Cookie names carry the node's port or host, so that nodes on one host share none, and the
  prefix `__Host-` whenever the origin is HTTPS.
* A form is accepted only from the node's own pages: `Sec-Fetch-Site`, else `Origin`, else
  the hidden token (old browsers send neither).
"""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from babel import Locale, dates
from babel.messages.pofile import read_po
from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from interurban_node.core.context import Node
from interurban_node.core.errors import RefusedError

PACKAGE = Path(__file__).resolve().parent.parent
LANGUAGES = ("en", "ar")
SECURITY_HEADERS: Mapping[str, str] = {
    "content-security-policy": "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True, slots=True)
class Language:
    """A language that pages are shown in."""

    code: str

    @property
    def direction(self) -> str:
        """`ltr` or `rtl`, by CLDR."""
        return Locale.parse(self.code).text_direction

    @property
    def own_name(self) -> str:
        """The language's name in itself."""
        return Locale.parse(self.code).display_name or self.code

    def text(self, message: str, **values: object) -> str:
        """The message in this language."""
        translated = catalogue(self.code).get(message, message)
        return translated % values if values else translated

    def date(self, value: date | datetime) -> str:
        """A date as this language writes it, in long form."""
        return dates.format_date(value, "long", locale=self.code)


def language_of(request: Request, node: Node) -> Language:
    """The language asked for: `?lang=`, then the cookie, then the browser, then the city."""
    asked = [
        request.query_params.get("lang", ""),
        request.cookies.get(cookie_name(node, "language"), ""),
        *(
            part.split(";")[0].split("-")[0].strip()
            for part in request.headers.get("accept-language", "").split(",")
        ),
    ]
    found = (code for code in asked if code in LANGUAGES)
    return Language(next(found, node.settings.default_language))


def page(
    request: Request,
    node: Node,
    template: str,
    *,
    status: int = 200,
    **values: Any,
) -> HTMLResponse:
    """The page that `template` (as `feature/name.html`) makes of `values`."""
    language = language_of(request, node)
    text = (
        environment()
        .get_template(template)
        .render(
            language=language,
            languages=[Language(code) for code in LANGUAGES],
            in_language=partial(_in_language, request),
            city=node.settings.name.get(language.code)
            or next(iter(node.settings.name.values())),
            form_token=form_token(request, node),
            t=language.text,
            **values,
        )
    )
    response = HTMLResponse(text, status, headers=dict(SECURITY_HEADERS))
    if request.query_params.get("lang") == language.code:
        response.set_cookie(
            cookie_name(node, "language"),
            language.code,
            httponly=True,
            secure=node.settings.secure,
            samesite="lax",
            max_age=365 * 24 * 3600,
        )
    return response


def _in_language(request: Request, code: str) -> str:
    """The address of the same page in another language, with what was chosen on it."""
    chosen = [
        (name, value)
        for name, value in request.query_params.multi_items()
        if name != "lang"
    ]
    path = "/" + request.url.path.lstrip("/\\")  # never another host's address
    return f"{path}?{urlencode([*chosen, ('lang', code)])}"


def cookie_name(node: Node, name: str) -> str:
    """The name of a cookie of this node and no other on the same host."""
    place = urlsplit(node.origin).netloc.replace(":", "-").replace(".", "-")
    prefix = "__Host-" if node.settings.secure else ""
    return f"{prefix}interurban-{place}-{name}"


def form_token(request: Request, node: Node) -> str:
    """The hidden token of a form, bound to the visitor's session cookie."""
    session = request.cookies.get(cookie_name(node, "session"), "")
    mac = hmac.new(node.keys.cookie, b"form\0" + session.encode(), hashlib.sha256)
    return mac.hexdigest()


def check_form(request: Request, node: Node, token: str) -> None:
    """Refuse a form that another site's page sent.

    Raises:
        RefusedError: it came from elsewhere, or nothing shows where from.
    """
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin")
    if site is not None:
        own = site in ("same-origin", "none")
    elif origin is not None:
        own = origin == node.origin
    else:
        expected = form_token(request, node)
        own = hmac.compare_digest(token.encode("utf-8", "replace"), expected.encode())
    if not own:
        raise RefusedError(
            "the form was not sent from this node's own page",
            next_step="Open the page again and send the form from there.",
        )


@lru_cache(maxsize=1)
def environment() -> Environment:
    """The template environment over every feature's `templates/` folder.

    A template is named `feature/name.html` and lies in `feature/templates/feature/`.
    """
    folders = sorted(PACKAGE.glob("*/templates"))
    return Environment(
        loader=FileSystemLoader(folders),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


@lru_cache(maxsize=len(LANGUAGES))
def catalogue(code: str) -> Mapping[str, str]:
    """The messages of a language by their English text; English needs no file."""
    found: dict[str, str] = {}
    for path in sorted((PACKAGE / "core" / "translations").glob(f"*.{code}.po")):
        with path.open("rb") as file:
            for message in read_po(file, locale=code):
                if isinstance(message.id, str) and isinstance(message.string, str):
                    found |= {message.id: message.string} if message.string else {}
    found.pop("", None)  # the header
    return found
