"""Logs and traces without personal data.

Logs are one JSON object a line on standard error. A record's *message* is a fixed text; what
varies goes into `extra`, of which only the names in `LOGGED` are written: identifiers,
counts, states. So a careless `extra` cannot put a person into the log.

Traces follow W3C Trace Context: an incoming `traceparent` is continued and the header goes
out with every request to a partner, so that one trace id covers both cities. Spans are
exported only where the operator configures an exporter.
"""

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from interurban_protocol.encoding import format_time

LOGGED = (
    "node",
    "address",
    "partner",
    "job",
    "kind",
    "method",
    "route",
    "status",
    "problem",
    "release",
    "count",
    "milliseconds",
)

_propagator = TraceContextTextMapPropagator()


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object with an allow-list of members."""

    def format(self, record: logging.LogRecord) -> str:
        """The line; an exception contributes the name of its class and where, no text."""
        line: dict[str, object] = {
            "at": format_time(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.msg,  # never its arguments
        }
        line |= {name: vars(record)[name] for name in LOGGED if name in vars(record)}
        if trace_id := current_trace_id():
            line["trace"] = trace_id
        if record.exc_info and record.exc_info[0]:
            line["exception"] = record.exc_info[0].__name__
            line["where"] = _innermost(record)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure_logging(level: str) -> None:
    """Send the logs of this process to standard error as JSON lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for noisy in ("httpx", "httpcore", "alembic", "uvicorn.access", "uvicorn.error"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def configure_tracing() -> None:
    """Make spans real, so that trace ids exist even where nothing is exported."""
    if not isinstance(trace.get_tracer_provider(), TracerProvider):
        trace.set_tracer_provider(TracerProvider())


@contextmanager
def span(name: str, headers: Mapping[str, str] | None = None) -> Iterator[None]:
    """Do something as a span, continuing the trace in `headers` when they carry one."""
    context = _propagator.extract(dict(headers)) if headers else None
    tracer = trace.get_tracer("interurban")
    with tracer.start_as_current_span(name, context=context):
        yield


def trace_headers() -> dict[str, str]:
    """The `traceparent` of the present span, to send along; empty without a span."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier


def current_trace_id() -> str:
    """The present trace id in hexadecimal, or an empty text."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else ""


def _innermost(record: logging.LogRecord) -> str:
    trace_back = record.exc_info[2] if record.exc_info else None
    while trace_back is not None and trace_back.tb_next is not None:
        trace_back = trace_back.tb_next
    if trace_back is None:
        return ""
    code = trace_back.tb_frame.f_code
    return f"{code.co_qualname}:{trace_back.tb_lineno}"
