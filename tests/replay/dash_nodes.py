"""Nodes of Dash: what agents may send, how a report is shown, tags, versions and the ranges of charts."""

import json
from typing import Any

import msgspec

from apps.api.dash import ranges
from apps.api.dash.errors import InvalidMetricsError, InvalidRequestError
from apps.api.dash.node_views import node_view
from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static
from apps.common.clock import parse_iso
from apps.common.errors import InvalidInputError
from apps.nodes import versions
from apps.nodes.facts import merged
from apps.nodes.latest import detail_of
from apps.nodes.tags import clean_tags
from apps.nodes.types import Latest, NodePicture, Report
from tests.replay.difference import expect

Case = dict[str, Any]
STATUS = {InvalidRequestError: 400, InvalidMetricsError: 422}


def validation(_document: Case, case: Case) -> None:
    """One body of POST /api/node/metrics: taken, or refused with its status and code."""
    answer: Case = {"status": 200, "code": None}
    try:
        read_report(json.dumps(case["report"]).encode())
    except (InvalidRequestError, InvalidMetricsError) as error:
        answer = {"status": STATUS[type(error)], "code": error.code}
    expect(answer, case["expect"])


def shown(_document: Case, case: Case) -> None:
    """Static facts and a report as the front end shows them; pressure came with a later generation than the view."""
    static = read_static(json.dumps(case["static"]).encode())
    report = read_report(json.dumps(case["report"]).encode())
    sections = {name: part.read(part.text) for name, part in report.sections.items()}
    sections["static"] = merged(None, static.document)
    said, context = case["report"]["metrics"], case["context"]
    view = node_view(picture(report, sections, context))
    expect(view.pop("pressure", None), said.get("pressure"))
    expect(view, case["expect_front_metrics"])
    expect(view["observation"]["stale_after_sec"], context["stale_after_sec"])


def picture(report: Report, sections: Case, context: Case) -> NodePicture:
    """The node of a case with this report as its newest, as it is kept: nothing of what it does not say."""
    kept = {column: value for column, value in report.values.items() if value is not None}
    detail = msgspec.json.decode(msgspec.json.encode(detail_of(report)))
    return NodePicture(
        number=context["node_id"],
        name=context["node_name"],
        rank=context["display_order"],
        tags=tuple(context["tags"]),
        stale_after_s=context["stale_after_sec"],
        latest=Latest(parse_iso(context["received_at"]), kept, detail),
        sections=sections,
    )


def tags(_document: Case, case: Case) -> None:
    answer: Case
    try:
        answer = {"status": 204, "stored": clean_tags(case["tags"])}
    except InvalidInputError as error:
        answer = {"status": 400, "code": f"invalid_{next(iter(error.fields))}"}
    expect(answer, case["expect"])


def version(_document: Case, case: Case) -> None:
    kind = case["kind"]
    if kind == "validate":
        expect(versions.parse(case["version"]) is not None, case["valid"])
    elif kind == "compare":
        expect(versions.compare(case["left"], case["right"]), case["result"])
    elif kind == "pending_update":
        owed = versions.is_owed(reported=case["reported"], wanted=case["target"])
        expect([owed, not owed], [case["delivered"], case["cleared"]])
    elif kind == "supports_auto_update":
        expect(versions.updates_itself(case["version"]), case["supported"])
    else:
        raise AssertionError(f"unknown kind {kind}")


def chart_range(_document: Case, case: Case) -> None:
    kind, name = case["kind"], case.get("range")
    if kind == "range":
        found = ranges.HISTORY[name]
        told = [found.length_s, found.step_s, ranges.ROLLED_UP.get(name), found.most_points]
        expect(told, [case[key] for key in ("duration_sec", "step_sec", "rollup", "max_points")])
    elif kind == "online_point":
        point = ranges.online_point(samples=case["samples"], step_s=case["step_sec"], interval_s=case["interval_sec"])
        expect({"expected": point.expected, "rate": point.rate, "status": point.status}, case["expect"])
    elif "expect" in case:
        expect({"status": 200 if name in ranges.ONLINE else 400, "code": "invalid_request"}, case["expect"])
    else:
        expect([ranges.ONLINE[name].step_s, ranges.ONLINE_POINTS], [case["step_sec"], case["points"]])


CASES = {
    "dash_report_validation": validation,
    "dash_node_reports": shown,
    "dash_tags": tags,
    "dash_versions": version,
    "dash_history_online": chart_range,
}
