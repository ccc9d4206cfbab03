"""Rules in words: what they look at, about whom, and what they have to say."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.alerts.built_in import ADDRESS_CHANGED, COMMAND_FINISHED, DEVICE_STATE, HOSTING_TERM
from apps.alerts.columns import SILENCE
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.documents import cover_of, from_json
from apps.alerts.models import AlertRule
from apps.alerts.windows import TICK, Share, Streak, Window
from apps.alerts.words import label_of, lasting, spelled
from apps.common.values import Cover

# Rules whose facts are told to them.
TOLD = {
    DEVICE_STATE: "A monitor is down or degraded",
    ADDRESS_CHANGED: "The address of a node changed",
    COMMAND_FINISHED: "A command finished",
    HOSTING_TERM: "The term of a rented server ends soon",
}
OPERATORS = {"gt": "over", "ge": "at least", "lt": "under", "le": "at most", "eq": "exactly", "ne": "other than"}
NOUNS = {"device": "monitor", "node": "node", "container": "container", "instance": "rented server"}
FACTS = {"latency_limit_us": "the limit of the monitor"}
SEVERITY = {"critical": "down", "warning": "degraded", "info": "maintenance"}


@dataclass(frozen=True, slots=True)
class Row:
    """One rule in the list."""

    rule: AlertRule
    words: str
    about: str
    firing: int

    @property
    def shape(self) -> str:
        """The shape beside the severity's word."""
        return SEVERITY[self.rule.severity]

    @property
    def severity(self) -> str:
        """The severity in words; a device's state has one per state."""
        if self.rule.number == DEVICE_STATE:
            return "By state"
        return self.rule.get_severity_display()


def rows(rules: Sequence[AlertRule]) -> list[Row]:
    """Rules as the list shows them."""
    return [Row(rule, words(rule), about(rule), getattr(rule, "firing", 0)) for rule in rules]


def words(rule: AlertRule) -> str:
    """`CPU use: at least 90 % for 1 min`: everything a rule asks for, in one sentence."""
    if rule.number in TOLD:
        return TOLD[rule.number]
    return " and ".join(_condition(rule.subject_kind, condition) for condition in from_json(rule.conditions))


def about(rule: AlertRule) -> str:
    """`All monitors`, `Only 2 nodes`, `No node yet`: whom the rule looks at."""
    noun = NOUNS.get(rule.subject_kind, rule.subject_kind)
    conditions = from_json(rule.conditions)
    cover = cover_of(conditions) if conditions else Cover()
    if cover is None:
        return f"Different {noun}s for each condition"
    named = len(cover.numbers)
    if cover.default_on:
        return f"All {noun}s but {named}" if named else f"All {noun}s"
    return f"Only {named} {noun}{'' if named == 1 else 's'}" if named else f"No {noun} yet"


def _condition(kind: str, condition: Condition) -> str:
    label = label_of(kind, condition.metric)
    if condition.op == "changed":
        return f"{label}: changes"
    return f"{label}{_cycle(condition.window)}: {_comparison(kind, condition)}{_span(condition.window)}"


def _comparison(kind: str, condition: Condition) -> str:
    metric = condition.metric
    if condition.op == "outside":
        sides = [("under", condition.low), ("over", condition.high)]
        said = [f"{word} {spelled(kind, metric, bound)}" for word, bound in sides if bound is not None]
        return " or ".join(said) if said else "watched without a limit"
    return f"{OPERATORS[condition.op]} {_limit(kind, condition)}"


def _limit(kind: str, condition: Condition) -> str:
    added = condition.bound + condition.offset
    if condition.plus == "stale_after_s" and condition.metric == SILENCE:
        return "what its interval allows" + (f" and {lasting(added)}" if added else "")
    if condition.plus == "cores":
        return f"its cores + {added:g}" if added else "its cores"
    return FACTS.get(condition.plus) or spelled(kind, condition.metric, added)


def _span(window: Window) -> str:
    match window:
        case Streak(seconds):
            return f" for {lasting(seconds)}" if seconds else ""
        case Share(ticks, every):
            span = lasting(ticks * TICK.total_seconds())
            return f" in all of {span}" if every else f" in more than 70 % of {span}"
        case _:
            return ""


def _cycle(window: Window) -> str:
    if not isinstance(window, Cycle):
        return ""
    return f" over a {window.unit}" if window.every == 1 else f" over {window.every} {window.unit}s"
