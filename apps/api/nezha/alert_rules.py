"""Alert rules as Nezha spells them, to rules of ours and back (contract Nezha 2.7). No rule is judged here."""

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from apps.alerts.columns import SILENCE, UNMEASURED
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle, Unit
from apps.alerts.documents import METRIC_LENGTH, MOST_CONDITIONS, MOST_TICKS, MOST_UNITS, RuleDraft
from apps.alerts.windows import Now, Share, Window
from apps.common.errors import InvalidInputError
from apps.common.values import Cover

Document = Mapping[str, Any]
OFFLINE = "offline"
OFFLINE_AFTER_S = 6
SHORTEST_DURATION = 3
ALWAYS, ONCE = 0, 1
EVERYTHING_BUT, NOTHING_BUT = 0, 1
PERCENT = {
    "cpu": "cpu.ratio",
    "gpu_max": "gpu.max_ratio",
    "memory": "mem.ratio",
    "swap": "swap.ratio",
    "disk": "disk.ratio",
}
PLAIN = {
    "net_in_speed": "net.rx_rate",
    "net_out_speed": "net.tx_rate",
    "net_all_speed": "net.all_rate",
    "transfer_in": "net.rx_bytes",
    "transfer_out": "net.tx_bytes",
    "transfer_all": "net.all_bytes",
    "load1": "cpu.load1",
    "load5": "cpu.load5",
    "load15": "cpu.load15",
    "tcp_conn_count": "conn.tcp",
    "udp_conn_count": "conn.udp",
    "process_count": "proc.count",
    "temperature_max": "temp.max_c",
}
OVER_A_CYCLE = {
    "transfer_in_cycle": "net.rx_bytes",
    "transfer_out_cycle": "net.tx_bytes",
    "transfer_all_cycle": "net.all_bytes",
}
SAID = {ours: theirs for theirs, ours in (PERCENT | PLAIN).items()} | {SILENCE: OFFLINE}
SAID_OVER_A_CYCLE = {ours: theirs for theirs, ours in OVER_A_CYCLE.items()}
UNITS: Sequence[Unit] = ("hour", "day", "week", "month", "year")
# Digits to try until a percentage reads back as the very ratio that is stored.
DIGITS = range(6, 18)


class RefusedError(InvalidInputError):
    """A form that Nezha refuses, with the text it says."""

    code = "refused"


@dataclass(frozen=True, slots=True)
class Form:
    """A form as it was taken in: our rule, and what else hangs on it in the words of the form."""

    rule: RuleDraft
    fail_tasks: tuple[int, ...]
    recover_tasks: tuple[int, ...]
    notification_group: int


def read_form(
    form: Document, *, now: datetime, groups: Collection[int], may_name: Callable[[int], bool] = lambda _: True
) -> Form:
    """The rule that a form describes. RefusedError carries the text of the contract; nothing is changed then.

    `groups` are the notification groups there are; `may_name` says whether the person may name a server.
    """
    if not _is_well_formed(form):
        raise RefusedError("invalid form")
    rules = form.get("rules") or []
    if not rules:
        raise RefusedError("need to configure at least a single rule")
    for rule in rules:
        _check(rule, now=now, may_name=may_name)
    group = int(form.get("notification_group_id") or 0)
    if group and group not in groups:
        raise RefusedError(f"notification group id {group} does not exist")
    if len(rules) > MOST_CONDITIONS:
        raise RefusedError(f"need to configure at most {MOST_CONDITIONS} rules")
    draft = RuleDraft(
        name=str(form.get("name") or ""),
        subject_kind="node",
        conditions=tuple(condition_of(rule) for rule in rules),
        enabled=bool(form.get("enable")),
        repeat="tick" if int(form.get("trigger_mode") or ALWAYS) == ALWAYS else "once",
        stale="hold",
    )
    fail, recover = (tuple(map(int, form.get(name) or ())) for name in ("fail_trigger_tasks", "recover_trigger_tasks"))
    return Form(draft, fail, recover, group)


def condition_of(rule: Document) -> Condition:
    """One rule of a set. Of a type that nobody knows there is never a value, which counts as 0."""
    kind = str(rule.get("type") or "")
    cover = _cover(rule)
    window = _window(rule)
    if kind == OFFLINE:
        return Condition(SILENCE, "gt", OFFLINE_AFTER_S, window=window, missing="bad", cover=cover)
    metric = OVER_A_CYCLE.get(kind) or PERCENT.get(kind) or PLAIN.get(kind) or f"{UNMEASURED}{kind}"
    return Condition(
        metric,
        "outside",
        low=_bound(rule.get("min"), kind),
        high=_bound(rule.get("max"), kind),
        window=window,
        missing="zero",
        cover=cover,
    )


def document_of(rule: RuleDraft, *, extra: Document) -> dict[str, Any]:
    """A speakable rule in Nezha's words; `extra` are the fields that hang on it (tasks, notification group)."""
    return {
        "name": rule.name,
        "rules": [rule_of(condition) for condition in rule.conditions],
        "trigger_mode": ALWAYS if rule.repeat == "tick" else ONCE,
        "enable": rule.enabled,
        **extra,
    }


def rule_of(condition: Condition) -> dict[str, Any]:
    """One condition in Nezha's words; what is off or empty is left out, as there."""
    window, cover = condition.window, condition.cover
    kind = _kind_of(condition)
    said: dict[str, Any] = {"type": kind}
    if condition.op == "outside":
        said |= {
            name: _spelled(bound, kind) for name, bound in (("min", condition.low), ("max", condition.high)) if bound
        }
    if isinstance(window, Share):
        said["duration"] = window.ticks
    if isinstance(window, Cycle):
        said |= {
            "cycle_start": window.anchor.isoformat().replace("+00:00", "Z"),
            "cycle_interval": window.every,
            "cycle_unit": window.unit,
        }
    said["cover"] = EVERYTHING_BUT if cover.default_on else NOTHING_BUT
    if cover.numbers:
        said["ignore"] = {str(number): True for number in sorted(cover.numbers)}
    return said


def speakable(rule: RuleDraft) -> bool:
    """Whether Nezha can say a rule without loss: on nodes, with shares and cycles only, and no rest after the end."""
    if rule.subject_kind != "node" or rule.cooldown_s or rule.repeat not in {"tick", "once"}:
        return False
    return all(_is_speakable(condition) for condition in rule.conditions)


def _is_speakable(condition: Condition) -> bool:
    if condition.offset or condition.plus or not isinstance(condition.window, Share | Cycle):
        return False
    return rule_can_say(condition) and condition_of(rule_of(condition)) == condition


def rule_can_say(condition: Condition) -> bool:
    """Whether there is a type for what a condition looks at."""
    if isinstance(condition.window, Cycle):
        return condition.metric in SAID_OVER_A_CYCLE and not condition.window.zone
    return condition.metric in SAID or condition.metric.startswith(UNMEASURED)


def _is_well_formed(form: Document) -> bool:
    """Whether everything in a form is of its type; nothing, and what is left out, always is."""
    rules = form.get("rules") or []
    tasks = [form.get(name) or [] for name in ("fail_trigger_tasks", "recover_trigger_tasks")]
    if not isinstance(form.get("name") or "", str) or not all(isinstance(listed, list) for listed in [rules, *tasks]):
        return False
    numbers = [form.get("notification_group_id"), form.get("trigger_mode"), *tasks[0], *tasks[1]]
    return all(map(_is_whole, numbers)) and all(isinstance(rule, Mapping) and _has_types(rule) for rule in rules)


def _has_types(rule: Document) -> bool:
    ignore = rule.get("ignore") or {}
    if not isinstance(ignore, Mapping) or not all(str(number).isascii() and str(number).isdigit() for number in ignore):
        return False
    texts = all(isinstance(rule.get(name) or "", str) for name in ("type", "cycle_start", "cycle_unit"))
    wholes = all(_is_whole(rule.get(name)) for name in ("duration", "cover", "cycle_interval"))
    return texts and wholes and all(_is_number(rule.get(name)) for name in ("min", "max"))


def _is_whole(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool))


def _is_number(value: Any) -> bool:
    return _is_whole(value) or (isinstance(value, float) and math.isfinite(value))


def _check(rule: Document, *, now: datetime, may_name: Callable[[int], bool]) -> None:
    numbers = _numbers(rule)
    if rule.get("cover", EVERYTHING_BUT) not in (EVERYTHING_BUT, NOTHING_BUT) or not all(map(may_name, numbers)):
        raise RefusedError("permission denied")
    if str(rule.get("type")) not in OVER_A_CYCLE:
        duration = rule.get("duration") or 0
        if duration < SHORTEST_DURATION:
            raise RefusedError("duration need to be at least 3")
        if duration > MOST_TICKS:
            raise RefusedError(f"duration need to be at most {MOST_TICKS}")
    else:
        _check_cycle(rule, now=now)
    if len(f"{UNMEASURED}{rule.get('type')}") > METRIC_LENGTH:
        raise RefusedError("type is too long")


def _check_cycle(rule: Document, *, now: datetime) -> None:
    every = rule.get("cycle_interval") or 0
    if every < 1:
        raise RefusedError("cycle_interval need to be at least 1")
    if every > MOST_UNITS:
        raise RefusedError(f"cycle_interval need to be at most {MOST_UNITS}")
    if not rule.get("cycle_start"):
        raise RefusedError("cycle_start is not set")
    if _instant(rule["cycle_start"]) > now:
        raise RefusedError("cycle_start is a future value")


def _instant(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise RefusedError("cycle_start is not set") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _cover(rule: Document) -> Cover:
    return Cover(rule.get("cover", EVERYTHING_BUT) == EVERYTHING_BUT, _numbers(rule))


def _numbers(rule: Document) -> frozenset[int]:
    ignore = rule.get("ignore") or {}
    return frozenset(int(number) for number, named in ignore.items() if named)


def _window(rule: Document) -> Window:
    if str(rule.get("type")) in OVER_A_CYCLE:
        return cycle_of(rule)
    duration = int(rule.get("duration") or 0)
    # A rule that was never checked (a single sample) says how bad a value is, not for how long.
    return Share(duration, every=rule.get("type") == OFFLINE) if duration else Now()


def cycle_of(rule: Document) -> Cycle:
    """The cycle of a rule about transfer; a unit that is not known counts as hours."""
    unit = str(rule.get("cycle_unit") or "").lower()
    known: Unit = next((name for name in UNITS if name == unit), "hour")
    start = rule.get("cycle_start")
    anchor = _instant(start) if start else datetime.fromtimestamp(0, UTC)
    return Cycle(anchor, int(rule.get("cycle_interval") or 1), known)


def _bound(said: float | None, kind: str) -> float | None:
    """A bound as it is kept; 0 switches it off."""
    if not said or said < 0:
        return None
    return said / 100 if kind in PERCENT else said


def _spelled(bound: float, kind: str) -> float | int:
    said = _percent(bound) if kind in PERCENT else bound
    return int(said) if said == int(said) else said


def _percent(ratio: float) -> float:
    """The shortest percentage that is this very ratio again when it is read."""
    tries = (float(f"{ratio * 100:.{digits}g}") for digits in DIGITS)
    return next((said for said in tries if said / 100 == ratio), ratio * 100)


def _kind_of(condition: Condition) -> str:
    if isinstance(condition.window, Cycle):
        return SAID_OVER_A_CYCLE[condition.metric]
    return SAID.get(condition.metric) or condition.metric.removeprefix(UNMEASURED)
