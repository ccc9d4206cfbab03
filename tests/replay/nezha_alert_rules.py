"""nezha_alert_rules.json: single samples, windows of ticks, cycles, refused forms and messages."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from apps.alerts.columns import SILENCE, value_of
from apps.alerts.conditions import Condition, covers, read
from apps.alerts.cycles import Cycle, bounds, next_check_s
from apps.alerts.states import IDLE, Rule, step
from apps.alerts.types import Sample, Subject
from apps.alerts.windows import TICK
from apps.api.nezha.alert_rules import RefusedError, condition_of, cycle_of, read_form
from apps.api.nezha.readings import columns_of
from apps.common.values import Ref
from apps.notifications.routing.ladder import said_again_at
from apps.notifications.styles import nezha
from tests.replay.difference import expect

Case = dict[str, Any]
SECTIONS = ("single_sample", "sequences", "cycle_windows", "next_cycle_check_seconds", "validation", "messages")
START = datetime(2026, 5, 18, 12, 0, tzinfo=UTC)
SERVER = 1
MESSAGE = re.compile(r"\[\w+\] (?P<server>.+)\((?P<first>\d+)\.\*+\.(?P<last>\d+)\) (?P<rule>.+)")


def split(document: Case) -> list[Case]:
    """The cases of all sections, each with the name of its own."""
    return [
        {**case, "id": f"{section}-{index}", "section": section}
        for section in SECTIONS
        for index, case in enumerate(document.get(section, []))
    ]


def replay(_document: Case, case: Case) -> None:
    """One case by the rule of its section."""
    by_section: dict[str, Callable[[Case], None]] = {
        "single_sample": _single_sample,
        "sequences": _sequence,
        "cycle_windows": _cycle_window,
        "next_cycle_check_seconds": _next_check,
        "validation": _validation,
        "messages": _message,
    }
    by_section[case["section"]](case)


def subject(number: int = SERVER) -> Subject:
    return Subject(1, Ref("node", number), number, f"server {number}")


def _single_sample(case: Case) -> None:
    condition = condition_of(case["rule"])
    server = subject(case.get("server_id", SERVER))
    values = columns_of(case.get("state") or {}, case.get("host") or {})
    values[SILENCE] = case.get("last_active_age_s")
    reading = read(condition, value_of(values, condition.metric), server)
    bad = covers([condition], server.number) and reading is not None and reading.bad
    expect({"pass": not bad}, {"pass": case["pass"]})


def _sequence(case: Case) -> None:
    """Ticks through the state machine; what a rule set does at each, and when its notice is not muted."""
    conditions = tuple(condition_of(rule) for rule in case["rules"])
    always = case["trigger_mode"] == 0
    rule = Rule(1, 1, 1, "set", 1, START, conditions, "warning")
    standing, events = IDLE, list[Case]()
    begun = said = START
    for tick, token in enumerate(case["samples"]):
        sample = sample_at(conditions, token, at=START + tick * TICK)
        after = step(rule, standing, sample, now=sample.at, known_since=START)
        was_firing, standing = standing.phase == "firing", after.standing
        if standing.phase == "firing" and (always or not was_firing):
            begun = begun if was_firing else sample.at
            speaks = not was_firing or sample.at >= said_again_at(begun, said)
            said = sample.at if speaks else said
            _acted(events, tick, speaks=speaks)
        elif was_firing and standing.phase != "firing":
            events.append({"tick": tick, "event": "resolved", "notified": True, "recover_tasks_run": True})
    expect(events, case["events"])


def _acted(events: list[Case], tick: int, *, speaks: bool) -> None:
    if speaks:
        events.append({"tick": tick, "event": "incident", "notified": True, "fail_tasks_run": True})
    else:
        events[-1]["repeat_until"] = tick


def sample_at(conditions: tuple[Condition, ...], token: str, *, at: datetime) -> Sample:
    """A report that passes or fails each condition as the token's digits say."""
    values: dict[str, float | None] = {}
    used: dict[tuple[str, datetime], float] = {}
    for condition, digit in zip(conditions, token, strict=True):
        value = _value(condition, passes=digit == "1")
        values[condition.metric] = value
        if isinstance(condition.window, Cycle):
            used[(condition.metric, bounds(condition.window, at)[0])] = value
    return Sample(replace(subject(), used=used), at, values)


def _value(condition: Condition, *, passes: bool) -> float:
    limit = condition.bound if condition.op == "gt" else condition.high
    if limit is None:
        return (condition.low or 0) * (1.5 if passes else 0.5)
    return limit * (0.9 if passes else 1.1)


def _cycle_window(case: Case) -> None:
    start, end = bounds(cycle_of(case), datetime.fromisoformat(case["now"]))
    expected = [datetime.fromisoformat(case[name]).astimezone(UTC) for name in ("from", "to")]
    expect([start.isoformat(), end.isoformat()], [at.isoformat() for at in expected])


def _next_check(case: Case) -> None:
    seconds = next_check_s(case["max"], case["used"])
    expect(int(seconds) if isinstance(case["seconds"], int) else seconds, case["seconds"])


def _validation(case: Case) -> None:
    said = ""
    try:
        read_form(case["form"], now=START, groups=())
    except RefusedError as error:
        said = error.message
    expect({"error": said}, {"error": case.get("error") or ""})


def _message(case: Case) -> None:
    parts = MESSAGE.fullmatch(case["text"])
    assert parts is not None, f"not a message: {case['text']}"
    address = f"{parts['first']}.0.113.{parts['last']}"
    text = nezha.message(case["event"], server=parts["server"], addresses=address, rule=parts["rule"])
    expect({"text": text}, {"text": case["text"]})


CASES = {"nezha_alert_rules": replay}
SPLITS = {"nezha_alert_rules": split}
