"""Logs with an allow-list, and one trace over both cities."""

import json
import logging

import pytest

from interurban_node.core.context import Node
from interurban_node.core.errors import StateError
from interurban_node.core.jobs import Job, JobRunner, run_once
from interurban_node.core.observability import (
    LOGGED,
    JsonLines,
    configure_tracing,
    current_trace_id,
    span,
    trace_headers,
)

SECRET = "Amal Haddad"
TRACE = "0af7651916cd43dd8448eb211c80319c"


def line_of(message: str, *arguments: object, **extra: object) -> dict[str, object]:
    record = logging.LogRecord("n", logging.INFO, "p", 1, message, arguments, None)
    vars(record).update(extra)
    found: dict[str, object] = json.loads(JsonLines().format(record))
    return found


def test_only_names_on_the_list_are_written():
    line = line_of("done", learner=SECRET, name_of_person=SECRET, count=3, job="x")
    assert SECRET not in json.dumps(line)
    assert (line["count"], line["job"], line["message"]) == (3, "x", "done")
    assert set(line) <= {"at", "level", "logger", "message", "trace", *LOGGED}


def test_the_arguments_of_a_message_are_never_written():
    assert line_of("row %s is wrong", SECRET)["message"] == "row %s is wrong"


def test_an_exception_gives_its_class_and_place_and_no_text():
    try:
        raise ValueError(SECRET)  # noqa: TRY301  # made to be caught here
    except ValueError as error:
        information = (type(error), error, error.__traceback__)
    record = logging.LogRecord("n", logging.ERROR, "p", 1, "fault", (), information)
    text = JsonLines().format(record)
    assert SECRET not in text
    line = json.loads(text)
    assert line["exception"] == "ValueError"
    assert line["where"].startswith("test_an_exception_gives")


def test_a_trace_that_comes_in_goes_out_again():
    configure_tracing()
    assert current_trace_id() == ""
    assert trace_headers() == {}
    parent = f"00-{TRACE}-b7ad6b7169203331-01"
    with span("request", {"traceparent": parent}):
        assert current_trace_id() == TRACE
        sent = trace_headers()["traceparent"]
    assert sent.split("-")[1] == TRACE
    assert sent != parent  # a span of its own


@pytest.mark.parametrize(
    "parent", ["", "garbage", "00-" + "0" * 32 + "-b7ad6b7169203331-01"]
)
def test_a_trace_header_that_is_none_begins_a_new_trace(parent: str):
    configure_tracing()
    with span("request", {"traceparent": parent}):
        assert len(current_trace_id()) == 32
        assert current_trace_id() not in ("0" * 32, TRACE)


def test_a_job_that_fails_or_breaks_never_stops_the_others(
    cities, caplog: pytest.LogCaptureFixture
):
    node: Node = cities.add("lakeside")

    def fail(_: Node) -> int:
        raise StateError("not now")

    def breaks(_: Node) -> int:
        raise KeyError(SECRET)

    done = run_once(node, [Job("a", fail), Job("b", breaks), Job("c", lambda _: 2)])
    assert done == 2
    lines = [JsonLines().format(record) for record in caplog.records]
    assert any('"not now"' in line for line in lines)
    assert any('"exception": "KeyError"' in line for line in lines)
    assert not any(SECRET in line for line in lines)


def test_the_runner_begins_and_ends(cities):
    node: Node = cities.add("lakeside")
    runner = JobRunner(node, [])
    runner.start()
    runner.stop()
    assert not runner._thread.is_alive()
