"""Where rules draw the line for nodes: what the bars of their meters are marked with."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from apps.alerts.cycles import Cycle
from apps.alerts.dockets import rules_in_force
from apps.alerts.states import Rule, is_about
from apps.alerts.types import Sample
from apps.nodes.models import Node
from apps.pipeline.reports import subject_of
from apps.web.presenters.meters import Limit

Limits = Mapping[str, Sequence[Limit]]
METERED = ("cpu.ratio", "mem.ratio", "disk.ratio", "disk.primary_ratio")


def limits_of(nodes: Sequence[Node], *, now: datetime) -> dict[int, Limits]:
    """The limits of each node by metric, by primary key; nodes of one workspace, a fixed number of statements.

    Only rules in force that ask for one thing: of several conditions none is a limit by itself.
    """
    subjects = {node.pk: subject_of(node) for node in nodes}
    in_force = rules_in_force([Sample(subject, now, {}) for subject in subjects.values()])
    drawn = [(rule, limit) for rules in in_force.values() for rule in rules if (limit := _limit(rule)) is not None]
    found: dict[int, dict[str, list[Limit]]] = {pk: {} for pk in subjects}
    for pk, subject in subjects.items():
        for rule, limit in drawn:
            if is_about(rule, subject):
                found[pk].setdefault(rule.conditions[0].metric, []).append(limit)
    return dict(found)


def _limit(rule: Rule) -> Limit | None:
    if len(rule.conditions) != 1:
        return None
    (condition,) = rule.conditions
    bound = condition.bound + condition.offset
    plain = condition.op in {"gt", "ge"} and not condition.plus and not isinstance(condition.window, Cycle)
    if not plain or condition.metric.split("[")[0] not in METERED or not 0 < bound <= 1:
        return None
    return Limit(bound, condition.op == "ge", rule.severity)
