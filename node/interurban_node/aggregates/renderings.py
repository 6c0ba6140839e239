"""How builds, forecasts, calendars and releases look in the terminal, and as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from interurban_node.aggregates.building import Finished
from interurban_node.aggregates.calendars import CalendarEntry, Due
from interurban_node.aggregates.forecasts import BuildPreview, Forecast, GroupForecast
from interurban_node.aggregates.holdings import ReleaseFacts
from interurban_node.attackers.gate import PassedGate
from interurban_node.core.console import Table
from interurban_node.core.errors import RefusedError
from interurban_protocol.encoding import JsonValue, format_time

NOT_SHOWN = "not shown"
FOR_THE_OFFICE = (
    "For this office only: exact numbers, and why cells are hidden. Pass none of it on."
)


def short(dataflow: str) -> str:
    """A dataflow as people name it, "INTERURBAN:COMPLETION(1.0.0)"."""
    return dataflow.rpartition("=")[2]


def percent(value: int | None) -> str:
    """A published coverage."""
    return NOT_SHOWN if value is None else f"{value} %"


def facts_json(facts: ReleaseFacts) -> dict[str, JsonValue]:
    """What may be told of a release."""
    return {
        "release": facts.release_id,
        "plan": facts.plan,
        "agreement": facts.agreement,
        "subject": facts.subject,
        "dataflow": facts.dataflow,
        "period": facts.period,
        "revision": facts.revision,
        "recipients": facts.recipients,
        "purposes": facts.purposes,
        "built_at": format_time(facts.built_at),
        "publication_at": format_time(facts.publication_at),
    }


def build_json(
    dataflow: str,
    period: str,
    preview: BuildPreview,
    facts: ReleaseFacts | None,
    passed: PassedGate | None,
) -> JsonValue:
    """A build, or what it would be."""
    return {
        "dataflow": dataflow,
        "period": period,
        "cells": preview.cells,
        "hidden": preview.hidden,
        "coverage": preview.coverage,
        "release": facts_json(facts) if facts else None,
        "gate": passed.report.summary if passed else None,
    }


@dataclass(frozen=True, slots=True)
class BuildLine:
    """One build in the answer of `release build`: for programs and for the table."""

    data: JsonValue
    row: Sequence[str]
    is_refused: bool = False


def built_line(due: Due, done: Finished) -> BuildLine:
    """A release that is issued."""
    facts, sizes = done.built.facts, done.built.preview
    data = build_json(due.dataflow, due.period, sizes, facts, done.passed)
    return BuildLine(data, [*_sizes(due, sizes), facts.release_id])


def dry_line(due: Due, sizes: BuildPreview) -> BuildLine:
    """What a build would be."""
    data = build_json(due.dataflow, due.period, sizes, None, None)
    return BuildLine(data, [*_sizes(due, sizes), "dry run"])


def refused_line(due: Due, error: RefusedError) -> BuildLine:
    """A release that the gate did not let through."""
    data: JsonValue = {
        "dataflow": due.dataflow,
        "period": due.period,
        "release": None,
        "refused": error.message,
        "reasons": list(error.reasons),
    }
    row = [short(due.dataflow), due.period, "", "", "", "refused"]
    return BuildLine(data, row, is_refused=True)


def gate_line(passed: PassedGate | None) -> str:
    """The gate's verdict, for people."""
    if passed is None:
        return "no gate: nobody is in it"
    report = passed.report
    examined = f"{report.examined:,} of {report.targets:,} small cells examined"
    return f"gate passed: {examined} in {report.seconds:.1f} s, seed {report.seed}"


def gate_words(gate: Mapping[str, JsonValue]) -> str:
    """What was kept of a gate, for people."""
    if not gate:
        return "none: nobody is in it"
    return (
        f"passed; {gate['examined']} of {gate['targets']} small cells examined in"
        f" {gate['seconds']} s, seed {gate['seed']}"
    )


def forecast_json(due: Due, found: Forecast) -> JsonValue:
    """A forecast, exact numbers included."""
    return {
        "dataflow": due.dataflow,
        "period": due.period,
        "cells": found.preview.cells,
        "hidden": found.preview.hidden,
        "coverage": found.preview.coverage,
        "counted": found.counted,
        "eligible": found.eligible,
        "cubes": [
            {
                "dimensions": cube.dimensions,
                "shown": cube.shown,
                "small": cube.small,
                "collapsed": cube.collapsed,
            }
            for cube in found.cubes
        ],
        "groups": [
            {
                "dimension": group.dimension,
                "value": group.value,
                "counted": group.counted,
                "eligible": group.eligible,
            }
            for group in found.groups
        ],
    }


def cube_table(due: Due, found: Forecast) -> Table:
    """What will be shown and hidden, by the dimensions that are crossed."""
    rows = [
        [
            " x ".join(cube.dimensions) or "everybody",
            f"{cube.shown:,}",
            f"{cube.small:,}",
            f"{cube.collapsed:,}",
        ]
        for cube in found.cubes
    ]
    title = f"{short(due.dataflow)} for {due.period}: cells by what they cross"
    return Table(["Crosses", "Shown", "Small", "Collapsed"], rows, title)


def group_table(found: Forecast) -> Table:
    """Who says yes, group by group, so that a city notices who does not."""
    rows = [
        [
            group.dimension,
            "(unknown)" if group.value is None else group.value,
            f"{group.counted:,}",
            f"{group.eligible:,}",
            _share(group),
        ]
        for group in found.groups
    ]
    columns = ["Group", "Value", "Counted", "Of", "Coverage"]
    return Table(columns, rows, "Who is counted, by group")


def total_line(found: Forecast) -> str:
    """The whole, exactly."""
    return (
        f"{found.counted:,} of {found.eligible:,} learners are counted; coverage "
        f"published as: {percent(found.preview.coverage)}; {found.preview.hidden:,} of "
        f"{found.preview.cells:,} cells hidden"
    )


def calendar_json(entry: CalendarEntry) -> JsonValue:
    """An entry of the calendar."""
    return {
        "dataflow": entry.due.dataflow,
        "period": entry.due.period,
        "observed": entry.observed,
        "plan": entry.due.plan.plan_id,
        "cut_off": format_time(entry.cut_off),
        "publication": format_time(entry.publication),
        "state": entry.state,
        "next_step": entry.next_step,
        "release": entry.release_id,
    }


def calendar_table(entries: Sequence[CalendarEntry]) -> Table:
    """The calendar for the terminal."""
    rows = [
        [
            short(entry.due.dataflow),
            entry.due.period,
            entry.observed,
            f"{entry.cut_off:%Y-%m-%d}",
            f"{entry.publication:%Y-%m-%d %H:%M}",
            entry.state,
            entry.next_step,
        ]
        for entry in entries
    ]
    columns = ["Dataflow", "Period", "Seen in", "Cut-off", "Published", "State", "Next"]
    return Table(columns, rows)


def _sizes(due: Due, sizes: BuildPreview) -> Sequence[str]:
    return [
        short(due.dataflow),
        due.period,
        f"{sizes.cells:,}",
        f"{sizes.hidden:,}",
        percent(sizes.coverage),
    ]


def _share(group: GroupForecast) -> str:
    if not group.eligible:
        return "-"
    return f"{100 * group.counted / group.eligible:.0f} %"
