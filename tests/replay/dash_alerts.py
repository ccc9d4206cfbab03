"""dash_alerts.json: evaluations of one server, step by step, with what opens, what closes and what is written."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from apps.alerts.built_in import BY_NUMBER
from apps.alerts.columns import SILENCE
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft, with_cover
from apps.alerts.states import IDLE, Rule, Standing, Turn, meet
from apps.alerts.types import Sample, Subject
from apps.alerts.windows import Streak
from apps.api.dash.alert_rules import BUILT_IN as KNOWN_TO_DASH
from apps.api.dash.alert_rules import InvalidFieldsError, draft_of, reason_of
from apps.api.dash.readings import columns_of, cores_of
from apps.common.clock import EPOCH, parse_iso
from apps.common.values import Cover, Ref
from apps.notifications.styles import dash
from tests.replay.difference import expect

Case = dict[str, Any]
FIRST_EVENT = 101
SERVER = 42


@dataclass
class _Server:
    """One server: the rules about it, where each of them stands, and the events they have open."""

    rules: dict[int, Rule] = field(default_factory=dict)
    standings: dict[int, Standing] = field(default_factory=dict)
    events: dict[int, int] = field(default_factory=dict)
    next_event: int = FIRST_EVENT


def replay(_document: Case, case: Case) -> None:
    """Every step in turn; rules and mounts hold until a step says others."""
    server, said, mounts = _Server(), case["rules"], dict(case["mounts"])
    seen: list[Case] = []
    for entry in case["steps"]:
        said = entry.get("rules", said)
        mounts |= entry.get("mounts", {})
        rules, invalid = rules_of(said, mounts, server.rules)
        expect(sorted(invalid), sorted(case.get("expect_invalid_rules", [])))
        seen.append(_evaluate(server, rules, entry, ended=_endings(said, invalid, rules)))
    expect(seen, [entry["expect"] for entry in case["steps"]])


def _endings(said: list[Case], invalid: list[int], rules: dict[int, Rule]) -> dict[int, str]:
    """Why a rule that is not judged any more is not; one that is not said at all was deleted."""
    known = {document["id"]: "rule_disabled" for document in said if document["id"] not in rules}
    return known | dict.fromkeys(invalid, "rule_invalid")


def rules_of(said: list[Case], mounts: Case, before: dict[int, Rule]) -> tuple[dict[int, Rule], list[int]]:
    """Rules by id with their mounts; one that says something else than before is of the next generation."""
    rules, invalid = {number: _built_in(number) for number in KNOWN_TO_DASH}, []
    for document in said:
        try:
            draft = draft_of(document)
        except InvalidFieldsError:
            invalid.append(document["id"])
            continue
        if draft.enabled:
            rules[document["id"]] = _rule(document, draft, before.get(document["id"]))
    for number, rule in rules.items():
        if str(number) in mounts:
            covered = with_cover(rule.conditions, [SERVER], covered=mounts[str(number)])
            rules[number] = replace(rule, conditions=covered)
    return dict(sorted(rules.items())), invalid


def _built_in(number: int) -> Rule:
    spec = BY_NUMBER[number]
    return Rule(
        number, 1, number, spec.key, 1, EPOCH, spec.conditions, spec.severity, spec.cooldown_s, spec.stale == "close"
    )


def _rule(document: Case, draft: RuleDraft, before: Rule | None) -> Rule:
    number, changed_at = document["id"], parse_iso(document["updated_at"])
    closes = draft.stale == "close"
    fresh = Rule(number, 1, number, draft.name, 1, changed_at, draft.conditions, "warning", draft.cooldown_s, closes)
    if "generation" in document:
        return replace(fresh, generation=document["generation"])
    if before is None:
        return fresh
    if before.cooldown_s == fresh.cooldown_s and _bare(before) == _bare(fresh):
        return replace(fresh, generation=before.generation, changed_at=before.changed_at)
    return replace(fresh, generation=before.generation + 1)


def _bare(rule: Rule) -> list[Condition]:
    return [replace(condition, cover=Cover()) for condition in rule.conditions]


def _evaluate(server: _Server, rules: dict[int, Rule], entry: Case, *, ended: dict[int, str]) -> Case:
    """One look at the server: what ends because its rule changed, then what every rule makes of the snapshot."""
    now, opens, closes = parse_iso(entry["now"]), list[Case](), list[Case]()
    sample = sample_of(entry["snapshot"], now=now)
    for number, old in server.rules.items():
        if number not in rules or rules[number].generation != old.generation:
            reason = "rule_updated" if number in rules else ended.get(number, "rule_deleted")
            if server.standings.pop(number, IDLE).phase == "firing":
                gone = Turn("gone", now, None, old.conditions[0].metric)
                closes.append(_closed(server, old, gone, sample.subject, reason=reason))
    server.rules = rules
    for number, rule in rules.items():
        after = meet(rule, server.standings.get(number, IDLE), sample, now=now, known_since=EPOCH)
        server.standings[number] = after.standing
        if after.turn is not None and after.turn.kind == "opened":
            opens.append(_opened(server, rule, after.turn, sample.subject))
        elif after.turn is not None:
            closes.append(_closed(server, rule, after.turn, sample.subject))
    phases = {
        f"{number}:{rules[number].generation}": standing.phase
        for number, standing in server.standings.items()
        if standing.phase != "idle"
    }
    return {"closes": closes, "opens": opens, "phases": phases}


def sample_of(view: Case, *, now: datetime) -> Sample:
    """The snapshot at `now`: a report, or a look at a server that has been silent for too long."""
    observation = view["observation"]
    received = parse_iso(observation.get("received_at") or observation["observed_at"])
    subject = Subject(
        workspace_id=1,
        ref=Ref("node", SERVER),
        number=SERVER,
        name=view["node"].get("title") or f"server#{SERVER}",
        cores=cores_of(view),
        stale_after_s=observation["stale_after_sec"],
        last_seen_at=received,
    )
    silence = (now - received).total_seconds()
    observed_at = parse_iso(observation["observed_at"]) if observation.get("observed_at") else None
    values = columns_of(view) | {SILENCE: silence}
    return Sample(subject, now, values, observed_at, silent=silence > subject.stale_after_s)


def _opened(server: _Server, rule: Rule, turn: Turn, subject: Subject) -> Case:
    server.events[rule.number] = server.next_event
    server.next_event += 1
    value, threshold = dash.value_and_threshold(turn.metric, turn.value, turn.threshold)
    window = rule.conditions[0].window
    event = dash.Event(
        server=subject.name,
        rule=rule.name,
        metric=dash.SAID[turn.metric],
        value=value,
        at=turn.at,
        threshold=threshold,
        duration_s=window.seconds if isinstance(window, Streak) else 0,
    )
    text = dash.opened(event)
    return {
        "body": text.body,
        "current_value": value,
        "effective_threshold": threshold,
        "event_id": server.events[rule.number],
        "metric": event.metric,
        "pending_since": _iso(turn.pending_since),
        "rule_id": rule.number,
        "title": text.title,
        "triggered_at": _iso(turn.at),
    }


def _closed(server: _Server, rule: Rule, turn: Turn, subject: Subject, *, reason: str = "") -> Case:
    value, _ = dash.value_and_threshold(turn.metric, turn.value, turn.threshold)
    text = dash.closed(dash.Event(subject.name, rule.name, dash.SAID[turn.metric], value, turn.at))
    return {
        "body": text.body,
        "close_reason": reason_of(reason or turn.reason or "condition_cleared"),
        "closed_at": _iso(turn.at),
        "current_value": value,
        "event_id": server.events.pop(rule.number),
        "metric": dash.SAID[turn.metric],
        "notify": turn.kind == "cleared",
        "rule_id": rule.number,
        "title": text.title,
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat().replace("+00:00", "Z") if at is not None else None


CASES = {"dash_alerts": replay}
