"""nezha_notifications.json and dockstat_template.json: texts, requests and the rhythm of notices."""

import json
import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

from apps.common.egress import ForbiddenTargetError, Guard, parse_url
from apps.common.errors import InvalidInputError
from apps.notifications.channels.request import prepare
from apps.notifications.ladder import climb
from apps.notifications.styles import dockstat, nezha
from tests.replay.difference import expect

Case = dict[str, Any]
NOW = datetime(2026, 5, 18, 12, 30, 0, 123456, tzinfo=timezone(timedelta(hours=8), "CST"))
METHODS = {1: "GET", 2: "POST"}
TYPES = {1: "json", 2: "form"}
# Every part of a sentence that is somebody's own words.
PART = re.compile(r"\{(\w+)\}")


def split(document: Case) -> list[Case]:
    """Every statement of the file as a case of its own."""
    cases = [{"id": f"values {name}", "plain": name} for name in document["values_plain"]]
    cases += [{"id": f"metric {name}", "metric": name} for name in document["values_format_metric_units"]]
    cases += [{"id": f"size {size['bytes']}", "size": size} for size in document["size_format"]]
    cases += [{"id": case["name"], "case": case} for case in document["cases"]]
    cases += [{"id": f"mask {mask['ip']}", "mask": mask} for mask in document["ip_masking"]]
    cases += [{"id": f"built {kind}", "built": kind} for kind in document["built_messages"]]
    return [*cases, {"id": "ladder", "ladder": document["mute_ladder_seconds"]}, {"id": "also", "also": True}]


def replay(document: Case, case: Case) -> None:
    """One statement, whichever it is."""
    kind = next(key for key in case if key != "id")
    READERS[kind](document, case[kind])


def _plain(document: Case, name: str) -> None:
    expect(_value(document, name, metric_units=False), document["values_plain"][name])


def _metric(document: Case, name: str) -> None:
    expect(_value(document, name, metric_units=True), document["values_format_metric_units"][name])


def _value(document: Case, name: str, *, metric_units: bool) -> str:
    return nezha.expand(
        f"#{name}#",
        message="",
        now=NOW,
        escape=lambda text: text,
        server=document["server"],
        metric_units=metric_units,
    )


def _size(_document: Case, size: Case) -> None:
    expect(nezha.size(size["bytes"]), size["text"])


def _mask(_document: Case, mask: Case) -> None:
    expect(nezha.masked(mask["ip"]), mask["masked"])


def _ladder(_document: Case, offsets: list[int]) -> None:
    """A notice that is raised all the time: silent up to the end of each gap, said the moment after."""
    begun, moment = datetime(2026, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
    spoken, rung = climb(None, at=begun)
    said = [0] if spoken else []
    for _ in offsets[1:]:
        end = rung.said_at + rung.gap
        assert climb(rung, at=end) == (False, rung)
        spoken, rung = climb(rung, at=end + moment)
        said.append(int((rung.said_at - begun).total_seconds()) if spoken else -1)
    expect(said, offsets)


def _built(document: Case, kind: str) -> None:
    """The parts are found in the expected text by the sentence itself, which then has to say it again."""
    wanted, template = document["built_messages"][kind], nezha.SENTENCES[kind]
    pattern = "".join(
        f"(?P<{piece}>.+?)" if index % 2 else re.escape(piece) for index, piece in enumerate(PART.split(template))
    )
    found = re.fullmatch(pattern, wanted, re.DOTALL)
    if found is None:
        raise AssertionError(f"{wanted!r} is not said by {template!r}")
    parts = found.groupdict()
    for name in ("value", "limit"):
        if name in parts:
            parts[name] = nezha.number(float(parts[name]))
    expect(nezha.sentence(kind, **parts), wanted)


def _also(_document: Case, _: bool) -> None:
    told = nezha.expand(
        "#NEZHA# #DATETIME#", message="m", now=NOW, escape=lambda text: text, server=None, metric_units=False
    )
    expect(told, "m 2026-05-18 12:30:00.123456 +0800 CST")


def _case(document: Case, case: Case) -> None:
    wanted = case["expect"]
    try:
        told = _made(document, case)
    except (InvalidInputError, ForbiddenTargetError) as error:
        told = {"error": _said(error)}
    if wanted.get("error") is True:
        wanted = {**wanted, "error": told.get("error")}
        assert told.get("error"), told
    expect({key: told.get(key) for key in wanted}, wanted)


def _made(document: Case, case: Case) -> Case:
    form = case["notification"]
    config = {
        "url": form["url"],
        "method": METHODS.get(form["request_method"], "?"),
        "bodyType": TYPES.get(form["request_type"], "?"),
        "headers": _headers(form.get("request_header") or ""),
        "body": form.get("request_body", ""),
        "metricUnits": form.get("format_metric_units", False),
    }
    server = case.get("server", document["server"])
    made = prepare(config, message=case["message"], server=server, now=NOW)
    _judge(made.url)
    return {
        "method": made.method,
        "url": made.url,
        "body": made.body,
        "content_type": made.content_type,
        "headers": dict(made.headers),
    }


def _headers(text: str) -> Any:
    return json.loads(text) if text else {}


def _judge(url: str) -> None:
    """The public profile, which reaches no private network."""
    target = parse_url(url)
    guard = Guard.build(profile="saas", allow=None, deny=(), services=())
    guard.check_host(target.host, target.port)


def _said(error: Exception) -> str:
    if isinstance(error, ForbiddenTargetError):
        return "HTTP URL target is not allowed"
    return getattr(error, "message", str(error))


def replay_dockstat(_document: Case, case: Case) -> None:
    """Template and container to text."""
    expect(dockstat.render(case["t"], case["c"]), case["out"])


READERS: dict[str, Any] = {
    "plain": _plain,
    "metric": _metric,
    "size": _size,
    "case": _case,
    "mask": _mask,
    "built": _built,
    "ladder": _ladder,
    "also": _also,
}
CASES = {"nezha_notifications": replay, "dockstat_template": replay_dockstat}
SPLITS = {"nezha_notifications": split}
