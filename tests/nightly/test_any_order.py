"""Five million samples in time order, and again shuffled, late, repeated and killed over and over: the same bytes."""

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import pytest
from django.db import transaction

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from apps.metrics import rebuild, seal
from apps.metrics import services as metrics
from apps.metrics.models import Block, DirtyWindow, HeadRow, LatestRow, Source
from apps.metrics.tiers import DAYS, FACTS, FIVE_MINUTES, HOURS, REPORTS
from apps.traffic import ledger, rebuilds, rewrite
from apps.traffic import services as traffic
from apps.traffic.models import Interface
from apps.traffic.rebuilds import LEASE, rebuild_state
from apps.workspaces.models import Workspace
from tests.factories import make_workspace
from tests.perf.machine import SERIES, Machine

START = datetime(2026, 3, 26, tzinfo=UTC)
NODES, LENGTH, STEP_MS, BATCH = 3, timedelta(days=5), 10_000, 500
END = START + LENGTH
# Every day is closed by now, and no raw report has had its time.
NOW = END + timedelta(hours=3)
SAMPLES = 5_000_000
# What is told of one node: instants and values by column, in order of time.
Told = list[tuple[int, dict[str, Any]]]


def life(node: int) -> Told:
    """A node's reports: jitter, silences and restarts among them."""
    machine, dice, told = Machine(node), random.Random(node), Told()
    due, last = epoch_ms(START), epoch_ms(START)
    while due < epoch_ms(END):
        at = due + int(dice.expovariate(0.3)) + dice.choice((-1000, 1000)) * (dice.random() < 0.02)
        told.append((at, machine.report(due / 1000, (due - last) / 1000 or 10.0)))
        last, due = due, due + STEP_MS
        if dice.random() < 0.0003:
            due += dice.choice((30_000, 200_000, 900_000))
            machine.restart()
    return [(at, values) for at, values in told if at >= epoch_ms(START)]


def disordered(told: Told, dice: random.Random) -> Iterator[tuple[int, dict[str, Any]]]:
    """The same as it would come over a bad line: minutes out of order, a tenth hours or days late, some of it twice."""
    lateness = (0, 0, 0, 0, 0, 0, 0, 0, 0, 1)
    day = 86_400_000
    keyed = [(at + dice.randrange(300_000) + dice.choice(lateness) * dice.randrange(3 * day), at) for at, _ in told]
    keyed += [(came + dice.randrange(2 * day), at) for came, at in dice.sample(keyed, len(keyed) // 20)]
    values = dict(told)
    return ((at, values[at]) for _, at in sorted(keyed))


def send(workspace: Workspace, node: int, rows: Sequence[tuple[int, dict[str, Any]]]) -> None:
    reports = [
        Observation(workspace.pk, SourceRef(Ref("node", node)), from_epoch_ms(at), {**values, "interval_ms": STEP_MS})
        for at, values in rows
    ]
    with transaction.atomic():
        appended = metrics.append(rows=reports, now=NOW)
    assert (appended.refused, appended.conflicts) == (0, 0)


def work(workspace: Workspace) -> bool:
    """One pass of the background; whether anything is left to do."""
    Source.objects.of(workspace.pk).update(due_ms=0)
    metrics.seal_due(now=NOW)
    traffic.rewrite_late(limit=10)
    metrics.rebuild_dirty(now=NOW, limit=10)
    mine = (HeadRow.objects.of(workspace.pk), DirtyWindow.objects.of(workspace.pk))
    return any(rows.exists() for rows in mine)


class KilledError(RuntimeError):
    pass


MORTAL = [
    (seal, "_write_block"),
    (seal, "mark_windows"),
    (seal, "_delete_head"),
    (rebuild, "encode"),
    (rebuild, "mark_windows"),
    (ledger, "store_day"),
    (rewrite, "reopen"),
    (rebuilds, "rewrite"),
    (rebuilds, "_move"),
    (rebuilds, "_finish"),
]


@contextmanager
def mortality(monkeypatch: pytest.MonkeyPatch, dice: random.Random, chance: float) -> Iterator[list[str]]:
    """Die before and after any step of the background: the first two times that it is taken, later now and then.

    The steps at which it did.
    """
    deaths: list[str] = []

    def mortal(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*args: Any, **kwargs: Any) -> Any:
            fate = {0: 0.0, 1: 1.0}.get(deaths.count(name), dice.random())
            if fate < chance:
                deaths.append(name)
                raise KilledError
            result = real(*args, **kwargs)
            if fate > 1 - chance:
                deaths.append(name)
                raise KilledError
            return result

        return step

    with monkeypatch.context() as patch:
        for place, name in MORTAL:
            patch.setattr(place, name, mortal(name, getattr(place, name)))
        yield deaths


def at_any_price(step: Callable[[], bool]) -> None:
    """Until nothing is left, however often it dies."""
    for _ in range(100_000):
        try:
            if not step():
                return
        except KilledError:
            continue
    raise AssertionError("there is no end to it")


def rebuild_facts(workspace: Workspace, node: int) -> None:
    """Have a node's facts reckoned anew, whoever dies over it."""
    clock = iter(range(100_000))
    traffic.start_rebuild(workspace=workspace, ref=Ref("node", node), now=NOW)

    def step() -> bool:
        # The lease of who died runs out.
        traffic.run_rebuilds(now=NOW + LEASE * (next(clock) % 60), limit=3)
        return rebuild_state(workspace).state == "running"

    at_any_price(step)
    assert rebuild_state(workspace).state == "completed"


def kept(workspace: Workspace) -> dict[str, Any]:
    """Every byte of every tier and of the facts, by node."""
    nodes = dict(Source.objects.of(workspace.pk).values_list("pk", "ref"))
    blocks = Block.objects.of(workspace.pk).order_by("source_id", "tier", "t0")
    return {
        "blocks": [(nodes[row.source_id], row.tier, row.t0, row.n, bytes(row.payload)) for row in blocks.iterator()],
        "interfaces": [
            (nodes[row.source_id], row.name, row.number, row.first_ms, row.last, row.open)
            for row in Interface.objects.of(workspace.pk).order_by("source_id", "number")
        ],
        "latest": [
            (nodes[row.source_id], row.ts, bytes(row.payload))
            for row in LatestRow.objects.of(workspace.pk).order_by("source_id")
        ],
        "columns": [row.columns for row in Source.objects.of(workspace.pk).order_by("pk")],
    }


def tell_in_order(workspace: Workspace) -> int:
    """Everything in order of time; how many samples that is."""
    samples = 0
    for node in range(1, NODES + 1):
        told = life(node)
        samples += len(told) * SERIES
        for first in range(0, len(told), BATCH):
            send(workspace, node, told[first : first + BATCH])
    while work(workspace):
        pass
    return samples


def tell_in_disorder(workspace: Workspace, dice: random.Random) -> None:
    """The same in disorder, with the background at work and dying in between."""
    for node in range(1, NODES + 1):
        rows = disordered(life(node), dice)
        while batch := list(islice(rows, BATCH)):
            send(workspace, node, batch)
            if dice.random() < 0.1:
                at_any_price(lambda: work(workspace) and dice.random() < 0.9)
    at_any_price(lambda: work(workspace))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.django_db(transaction=True)
def test_five_million_samples_in_any_order_leave_identical_bytes(monkeypatch) -> None:
    ordered, other = make_workspace(now=START), make_workspace(now=START)
    dice = random.Random(11)

    assert tell_in_order(ordered) >= SAMPLES
    right = kept(ordered)
    assert {tier for _, tier, *_ in right["blocks"]} == {FIVE_MINUTES, HOURS, DAYS, FACTS, REPORTS}

    with mortality(monkeypatch, dice, 0.02) as deaths:
        tell_in_disorder(other, dice)
        assert kept(other) == right
        for node in range(1, NODES + 1):
            rebuild_facts(other, node)
            ref = Ref("node", node)
            metrics.mark_dirty(workspace_id=other.pk, ref=ref, start_ms=epoch_ms(START), end_ms=epoch_ms(END) - 1)
        at_any_price(lambda: work(other))
    assert kept(other) == right
    assert {name for _, name in MORTAL} == set(deaths)
