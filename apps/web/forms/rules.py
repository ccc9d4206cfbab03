"""A rule as a form: one value of one kind of subject, how bad, for how long, and about whom."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms

from apps.alerts.columns import COLUMNS, Column, column_of
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.documents import RuleDraft
from apps.alerts.windows import TICK, Now, Share, Streak, Window
from apps.common.values import Cover, SubjectKind
from apps.devices.models import Device

# What people type, and how much of the stored unit that is.
UNITS: dict[str, tuple[str, float]] = {
    "ratio": ("%", 0.01),
    "bytes": ("MiB", 2**20),
    "bytes_per_s": ("MiB/s", 2**20),
    "us": ("ms", 1000),
    "ms": ("ms", 1),
    "s": ("s", 1),
    "celsius": ("°C", 1),
    "days": ("days", 1),
    "per_s": ("a second", 1),
}
OPERATORS = (
    ("gt", "is over"),
    ("ge", "is at least"),
    ("lt", "is under"),
    ("le", "is at most"),
    ("eq", "is"),
    ("ne", "is not"),
)
SPANS = (
    ("now", "At once"),
    ("streak", "Without a break for …"),
    ("most", "In more than 70 % of …"),
    ("every", "In all of …"),
    ("day", "Added up over a day"),
    ("week", "Added up over a week"),
    ("month", "Added up over a month"),
)
CYCLES = ("day", "week", "month")
MISSING = (
    ("hold", "Change nothing"),
    ("clear", "Count as fine"),
    ("zero", "Count as 0"),
    ("bad", "Count as trouble"),
)
SEVERITIES = (("critical", "Critical"), ("warning", "Warning"), ("info", "Info"))
COVERS = {
    "device": (("all", "All monitors, future ones too"), ("only", "Only these")),
    "node": (("all", "All nodes but these"), ("only", "Only these")),
    "container": (("all", "All containers but these"), ("only", "Only these")),
}
KINDS: Sequence[tuple[SubjectKind, str]] = (("device", "Monitors"), ("node", "Nodes"), ("container", "Containers"))
# The domain's paths, or how they begin, to the fields.
FIELDS = {
    "name": "name",
    "severity": "severity",
    "cooldown_s": "cooldown",
    "conditions.0.metric": "metric",
    "conditions.0.op": "op",
    "conditions.0.bound": "bound",
    "conditions.0.plus": "cores",
    "conditions.0.window": "span",
    "conditions.0.cover": "numbers",
    "conditions.0.missing": "missing",
}


class RuleForm(forms.Form):
    """A rule with one condition; what a richer rule says beyond it is kept as it is."""

    name = forms.CharField(label="Name", max_length=120)
    metric = forms.ChoiceField(label="Value")
    op = forms.ChoiceField(label="Comparison", choices=OPERATORS, initial="ge")
    bound = forms.FloatField(label="Limit", help_text="In the unit of the value.")
    cores = forms.BooleanField(
        label="Added to the number of cores",
        required=False,
        help_text="For load: 1 means one more than there are cores.",
    )
    span = forms.ChoiceField(label="For how long", choices=SPANS, initial="streak")
    seconds = forms.IntegerField(
        label="Seconds", required=False, min_value=0, initial=60, help_text="How long that is; ticks are 3 seconds."
    )
    missing = forms.ChoiceField(label="Without a value", choices=MISSING, initial="hold")
    severity = forms.ChoiceField(label="Severity", choices=SEVERITIES, initial="warning")
    cooldown = forms.IntegerField(
        label="Rest after it is over", min_value=0, max_value=525_600, initial=0, help_text="Minutes; 0 for none."
    )
    cover = forms.ChoiceField(label="About", initial="all", widget=forms.RadioSelect)
    numbers: forms.Field

    def __init__(self, *args: Any, kind: SubjectKind, monitors: Iterable[Device] = (), **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        metrics = [column for column in COLUMNS[kind].values() if column.name != "state"]
        self._choose("metric", [(column.name, f"{column.label}{unit_of(column)}") for column in metrics])
        self._choose("cover", COVERS[kind])
        self.fields["numbers"] = _numbers_field(kind, monitors)
        if kind != "node":
            del self.fields["cores"]
        if not any(column.counter for column in metrics):
            self._choose("span", [span for span in SPANS if span[0] not in CYCLES])

    def _choose(self, name: str, choices: Sequence[tuple[str, str]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def draft(self, *, zone: str, now: datetime, before: RuleDraft | None = None) -> RuleDraft:
        """The rule that the fields describe; raises nothing, the domain judges it. Cycles begin in `zone`."""
        data = self.cleaned_data
        old = before.conditions[0] if before is not None else Condition(data["metric"], "ge")
        condition = replace(
            old,
            metric=data["metric"],
            op=data["op"],
            bound=self._bound(old),
            plus="cores" if data.get("cores") else "",
            window=_window(data["span"], data["seconds"] or 0, zone=zone, now=now, old=old.window),
            missing=data["missing"],
            cover=self._cover(),
        )
        return replace(
            before or RuleDraft("", self.kind, ()),
            name=data["name"],
            conditions=(condition,),
            severity=data["severity"],
            cooldown_s=data["cooldown"] * 60,
        )

    def _bound(self, old: Condition) -> float:
        """The typed limit in the stored unit, without what is added to it; untouched it stays exactly what it was."""
        metric, typed = self.cleaned_data["metric"], self.cleaned_data["bound"]
        factor = factor_of(self.kind, metric)
        if metric == old.metric and typed == _typed(old.bound + old.offset, factor):
            return old.bound
        # Dividing by whole numbers is exact where multiplying by hundredths is not.
        stored: float = typed / round(1 / factor) if factor < 1 else typed * factor
        return stored - old.offset

    def _cover(self) -> Cover:
        everyone = self.cleaned_data["cover"] == "all"
        said = self.cleaned_data["numbers"]
        words = said if isinstance(said, list) else str(said or "").replace(",", " ").split()
        # All monitors are all of them; the list is for the other choice.
        named = [] if everyone and self.kind == "device" else words
        return Cover(everyone, frozenset(map(int, named)))


class RichRuleForm(forms.Form):
    """What can be changed here of a rule that says more than one condition in this form can."""

    name = forms.CharField(label="Name", max_length=120)
    severity = forms.ChoiceField(label="Severity", choices=SEVERITIES)


def unit_of(column: Column) -> str:
    """` (ms)`, or nothing for a plain number."""
    unit, _ = UNITS.get(column.unit, ("", 1))
    return f" ({unit})" if unit else ""


def factor_of(kind: str, metric: str) -> float:
    """How much of the stored unit one of the typed unit is."""
    column = column_of(kind, metric)
    return UNITS.get(column.unit, ("", 1))[1] if column is not None else 1


def initial_of(rule: RuleDraft) -> dict[str, Any]:
    """A rule as the form shows it."""
    condition = rule.conditions[0]
    factor = factor_of(rule.subject_kind, condition.metric)
    span, seconds = _span(condition.window)
    numbers = [str(number) for number in sorted(condition.cover.numbers)]
    return {
        "name": rule.name,
        "metric": condition.metric,
        "op": condition.op,
        "bound": _typed(condition.bound + condition.offset, factor),
        "cores": condition.plus == "cores",
        "span": span,
        "seconds": seconds,
        "missing": condition.missing,
        "severity": rule.severity,
        "cooldown": rule.cooldown_s // 60,
        "cover": "all" if condition.cover.default_on else "only",
        "numbers": [str(number) for number in numbers]
        if rule.subject_kind == "device"
        else ", ".join(map(str, numbers)),
    }


def fits(rule: RuleDraft) -> bool:
    """Whether the form can say a rule: one condition, a plain comparison, and a span it knows."""
    if len(rule.conditions) != 1 or rule.subject_kind not in COVERS or rule.cooldown_s % 60:
        return False
    condition = rule.conditions[0]
    if condition.op not in dict(OPERATORS) or condition.metric not in COLUMNS[rule.subject_kind]:
        return False
    if rule.subject_kind == "device" and condition.cover.default_on and condition.cover.numbers:
        return False
    return condition.plus in {"", "cores"} and (condition.plus or not condition.offset) and _has_span(condition.window)


def _has_span(window: Window) -> bool:
    return not isinstance(window, Cycle) or (window.every == 1 and window.unit in CYCLES)


def _numbers_field(kind: str, monitors: Iterable[Device]) -> forms.Field:
    if kind == "device":
        return forms.MultipleChoiceField(
            label="These monitors",
            required=False,
            choices=[(str(device.number), device.name) for device in monitors],
            widget=forms.CheckboxSelectMultiple,
        )
    return forms.RegexField(
        r"^[\s,]*(?:[0-9]{1,9}(?:[\s,]+|$))*$",
        label="Their numbers",
        required=False,
        help_text="With commas between them, as 3, 7.",
        error_messages={"invalid": "Numbers with commas between them."},
    )


def _typed(stored: float, factor: float) -> float:
    shown = float(f"{stored / factor:.12g}")
    return int(shown) if shown.is_integer() else shown


def _span(window: Window) -> tuple[str, int]:
    match window:
        case Streak(seconds):
            return "streak", seconds
        case Share(ticks, every):
            return ("every" if every else "most"), ticks * int(TICK.total_seconds())
        case Cycle():
            return window.unit, 0
        case _:
            return "now", 0


def _window(span: str, seconds: int, *, zone: str, now: datetime, old: Window) -> Window:
    if span in CYCLES:
        if isinstance(old, Cycle) and old.unit == span:
            return old
        local = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0)
        starts = {"day": local, "week": local, "month": local.replace(day=1)}
        return Cycle(starts[span], 1, span, zone)  # type: ignore[arg-type]  # one of CYCLES
    if span == "streak":
        return Streak(seconds)
    if span in {"most", "every"}:
        return Share(seconds // int(TICK.total_seconds()), every=span == "every")
    return Now()
