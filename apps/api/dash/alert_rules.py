"""Alert rules as Dash spells them, to rules of ours and back (contract Dash 9.1 and 9.2). No rule is judged here."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from apps.alerts import services
from apps.alerts.built_in import NODE_OFFLINE, RAID_FAILED, SMART_CRITICAL, SMART_FAILED
from apps.alerts.conditions import Condition, covers
from apps.alerts.documents import LONGEST_COOLDOWN_S, NAME_LENGTH, RuleDraft, from_json
from apps.alerts.models import AlertRule
from apps.alerts.windows import Streak
from apps.common.errors import InvalidInputError
from apps.common.values import Cover
from apps.notifications.styles.dash import METRICS, SAID, number

Document = Mapping[str, Any]
OPERATORS = {">": "gt", ">=": "ge", "<": "lt", "<=": "le", "==": "eq", "!=": "ne"}
SIGNS = {ours: theirs for theirs, ours in OPERATORS.items()}
CORE_METRICS = frozenset({"cpu.load1", "cpu.load5", "cpu.load15"})
DURATIONS = (0, 60, 300)
# The built-in rules that Dash knows, in its order.
BUILT_IN = (NODE_OFFLINE, RAID_FAILED, SMART_FAILED, SMART_CRITICAL)
DEFAULTS: Document = {
    "enabled": True,
    "duration_sec": 60,
    "cooldown_min": 0,
    "threshold_mode": "static",
    "threshold_offset": 0,
}
FIELDS = ("name", "enabled", "metric", "operator", "threshold", *list(DEFAULTS)[1:])
# Why an event closed, in Dash's words; the others are the same.
REASONS = {"stale": "snapshot_stale", "unmounted": "rule_unmounted", "subject_deleted": "server_deleted"}


class InvalidFieldsError(InvalidInputError):
    """400 invalid_fields: a field is missing or not possible."""

    code = "invalid_fields"


class NoFieldsError(InvalidInputError):
    """400 no_fields: a change that changes nothing."""

    code = "no_fields"


@contextmanager
def in_our_words() -> Iterator[None]:
    """The domain's refusals as InvalidFieldsError, with the first of their sentences."""
    try:
        yield
    except InvalidFieldsError:
        raise
    except InvalidInputError as error:
        sentence = next((f"{name}: {text}" for name, text in error.fields.items()), error.message)
        raise InvalidFieldsError(sentence, fields=error.fields) from error


def draft_of(document: Document) -> RuleDraft:
    """A new rule from what was posted: about no node until it is mounted. InvalidFieldsError names what is wrong."""
    said = {**DEFAULTS, **{name: document[name] for name in FIELDS if document.get(name) is not None}}
    faults = {name: sentence for name, sentence in _faults(said).items() if sentence}
    if faults:
        name, sentence = next(iter(faults.items()))
        raise InvalidFieldsError(f"{name}: {sentence}", fields=faults)
    condition = Condition(
        metric=METRICS[said["metric"]],
        op=OPERATORS[said["operator"]],  # type: ignore[arg-type]  # the table's words
        bound=float(said["threshold"]),
        offset=float(said["threshold_offset"]),
        plus="cores" if said["threshold_mode"] == "core_plus" else "",
        window=Streak(said["duration_sec"]),
        missing="clear",
        cover=Cover(default_on=False),
    )
    return RuleDraft(
        name=said["name"].strip(),
        subject_kind="node",
        conditions=(condition,),
        enabled=said["enabled"],
        cooldown_s=said["cooldown_min"] * 60,
        stale="close",
    )


def patched(rule: RuleDraft, patch: Document) -> RuleDraft:
    """The rule with some fields said anew. What Dash cannot say (cover, severity, repeats) stays as it is.

    NoFieldsError when the patch names no field, InvalidFieldsError as `draft_of`.
    """
    if not any(patch.get(name) is not None for name in FIELDS):
        raise NoFieldsError("Nothing to change.")
    said = draft_of({**document_of(rule), **{name: patch[name] for name in FIELDS if patch.get(name) is not None}})
    condition = replace(said.conditions[0], cover=rule.conditions[0].cover)
    return replace(said, conditions=(condition,), severity=rule.severity, repeat=rule.repeat, stale=rule.stale)


def document_of(rule: RuleDraft) -> dict[str, Any]:
    """A speakable rule in Dash's words, without id and instants."""
    condition = rule.conditions[0]
    assert isinstance(condition.window, Streak)
    return {
        "name": rule.name,
        "enabled": rule.enabled,
        "metric": SAID[condition.metric],
        "operator": SIGNS[condition.op],
        "threshold": number(condition.bound),
        "duration_sec": condition.window.seconds,
        "cooldown_min": rule.cooldown_s // 60,
        "threshold_mode": "core_plus" if condition.plus == "cores" else "static",
        "threshold_offset": number(condition.offset),
    }


def speakable(rule: RuleDraft) -> bool:
    """Whether Dash can say a rule without loss: one condition on a node, bad for 0, 60 or 300 s without a break."""
    if rule.subject_kind != "node" or len(rule.conditions) != 1 or rule.cooldown_s % 60:
        return False
    condition = rule.conditions[0]
    if condition.metric not in METRICS.values() or condition.op not in SIGNS or condition.missing != "clear":
        return False
    if not isinstance(condition.window, Streak) or condition.window.seconds not in DURATIONS:
        return False
    if condition.plus:
        return condition.plus == "cores" and condition.metric in CORE_METRICS
    return condition.offset == 0


def is_mounted(rule: AlertRule, node: int) -> bool:
    """Whether a rule is mounted on the node of this number: built-in ones are unless taken off, others are not."""
    return covers(from_json(rule.conditions), node)


def shown_in_mounts(rule: AlertRule) -> bool:
    """Whether the mounts page lists a rule: Dash's built-in ones, and what it can say."""
    return rule.number in BUILT_IN if rule.built_in else speakable(services.draft_of(rule))


def mounted_rule(rule: AlertRule) -> dict[str, Any]:
    """One rule on the mounts page."""
    return {
        "id": rule.number,
        "name": rule.key or rule.name,
        "metric": SAID[from_json(rule.conditions)[0].metric],
        "builtin": rule.built_in,
        "enabled": rule.enabled,
        "default_mounted": rule.built_in,
    }


def reason_of(close_reason: str) -> str:
    """Why an event closed, in Dash's words."""
    return REASONS.get(close_reason, close_reason)


def _faults(said: Document) -> dict[str, str]:
    mode, metric = said["threshold_mode"], said.get("metric")
    name = said.get("name")
    named = isinstance(name, str) and 0 < len(name.strip()) <= NAME_LENGTH
    offset = said["threshold_offset"]
    return {
        "name": "" if named else f"1 to {NAME_LENGTH} characters",
        "metric": "" if isinstance(metric, str) and metric in METRICS else "unknown",
        "operator": "" if isinstance(said.get("operator"), str) and said["operator"] in OPERATORS else "unknown",
        "threshold": "" if _is_number(said.get("threshold")) else "a number below 10 to the 18th",
        "enabled": "" if isinstance(said["enabled"], bool) else "not a boolean",
        "duration_sec": "" if _is_whole(said["duration_sec"]) and said["duration_sec"] in DURATIONS else "0, 60 or 300",
        "cooldown_min": _fault_of_cooldown(said["cooldown_min"]),
        "threshold_mode": _fault_of_mode(mode, metric),
        "threshold_offset": "" if _is_number(offset) and (mode != "static" or offset == 0) else "must be 0 for static",
    }


def _fault_of_cooldown(minutes: Any) -> str:
    return "" if _is_whole(minutes) and 0 <= minutes <= LONGEST_COOLDOWN_S // 60 else "0 to 525600"


def _fault_of_mode(mode: Any, metric: Any) -> str:
    if mode == "core_plus":
        return "" if isinstance(metric, str) and metric in CORE_METRICS else "only for load"
    return "" if mode == "static" else "static or core_plus"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 1e18


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
