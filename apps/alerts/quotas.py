"""What nodes moved in a cycle before a rule looked at them first: the store of traffic is asked once each."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from apps.alerts.batches import Batch, standing_of
from apps.alerts.columns import INSTANCE
from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle, bounds
from apps.alerts.states import is_about
from apps.alerts.types import Sample
from apps.common.values import Ref
from apps.traffic.selectors import bytes_since

RECEIVED, SENT = "net.rx_bytes", "net.tx_bytes"
# Which sides of an interface a metric counts.
SIDES: Mapping[str, tuple[int, ...]] = {RECEIVED: (0,), SENT: (1,), "net.all_bytes": (0, 1)}
Key = tuple[str, datetime]  # metric and start of the cycle
Counters = Mapping[str, tuple[int, int]]  # received and sent, by interface


def with_used(batch: Batch, samples: Sequence[Sample]) -> list[Sample]:
    """The samples with what the store knows of their cycles, wherever a rule counts a node's traffic from now on.

    A few statements for each such node; none where every rule goes on from what it counted.
    """
    if not any(docket.counts_cycles for docket in batch.dockets.values()):
        return list(samples)
    wanted: dict[tuple[int, Key], dict[Ref, int]] = defaultdict(dict)
    for index in sorted(range(len(samples)), key=lambda index: samples[index].at):
        for key in _unknown(batch, samples[index]):
            # Of several reports the oldest is where counting begins.
            wanted[samples[index].subject.workspace_id, key].setdefault(samples[index].subject.ref, index)
    told = list(samples)
    for (workspace_id, key), first in wanted.items():
        newest = {ref: _counters(samples[index].values) for ref, index in first.items()}
        for ref, amount in _amounts(workspace_id, key, newest).items():
            subject = told[first[ref]].subject
            told[first[ref]] = replace(told[first[ref]], subject=replace(subject, used={key: amount, **subject.used}))
    return told


def _unknown(batch: Batch, sample: Sample) -> Iterator[Key]:
    """The cycles of a node that some rule has counted nothing of yet."""
    docket = batch.docket(sample.subject)
    if docket is None or sample.subject.ref.kind != "node":
        return
    for rule in docket.rules:
        counting = [index for index, condition in enumerate(rule.conditions) if _counts_traffic(condition)]
        if not counting or not is_about(rule, sample.subject):
            continue
        memories = standing_of(batch.state(rule, sample.subject)).memories
        for index in counting:
            condition = rule.conditions[index]
            if (index >= len(memories) or memories[index].used is None) and isinstance(condition.window, Cycle):
                yield condition.metric, bounds(condition.window, sample.at)[0]


def _counts_traffic(condition: Condition) -> bool:
    return isinstance(condition.window, Cycle) and _parts(condition.metric)[0] in SIDES


def _parts(metric: str) -> tuple[str, str | None]:
    """A metric without its interface, and the interface."""
    found = INSTANCE.fullmatch(metric)
    return (metric, None) if found is None else (found["name"], found["instance"])


def _amounts(workspace_id: int, key: Key, newest: Mapping[Ref, Counters]) -> dict[Ref, float]:
    metric, start = key
    name, iface = _parts(metric)
    moved = bytes_since(workspace_id=workspace_id, refs=list(newest), start=start, iface=iface, counters=newest)
    return {ref: sum(sides[side] for side in SIDES[name]) for ref, sides in moved.items()}


def _counters(values: Mapping[str, float | None]) -> Counters:
    """The readings of every interface that a report tells both sides of."""
    read: dict[str, dict[str, int]] = defaultdict(dict)
    for column, value in values.items():
        name, iface = _parts(column)
        if iface is not None and value is not None and name in {RECEIVED, SENT}:
            read[iface][name] = int(value)
    return {iface: (sides[RECEIVED], sides[SENT]) for iface, sides in read.items() if len(sides) == 2}
