"""A workspace with a node that reports the counters of its interfaces."""

import random
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import transaction

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from apps.metrics import services as metrics
from apps.metrics.models import Block, DirtyWindow, Source
from apps.metrics.tiers import DAY, FACTS, Retention
from apps.traffic import services
from apps.traffic.cycles import Cycle
from apps.traffic.facts import Fact, Sample, facts_of
from apps.traffic.models import Interface
from apps.traffic.reckoning import lines_of
from apps.workspaces.models import Workspace

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)
START = epoch_ms(NOW) // DAY * DAY - 2 * DAY
NODE = Ref("node", 7)


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="acme", name="Acme", created_at=NOW)


@pytest.fixture
def stranger(db: None) -> Workspace:
    return Workspace.objects.create(slug="other", name="Other", created_at=NOW)


def report(
    workspace: Workspace, ts: int, counters: Mapping[str, tuple[float | None, ...]], ref: Ref = NODE
) -> Observation:
    """What a node said: received and sent by interface."""
    values: dict[str, int | float | None] = {"cpu.ratio": 0.25}
    for iface, (received, sent) in counters.items():
        values |= {f"net.rx_bytes[{iface}]": received, f"net.tx_bytes[{iface}]": sent}
    return Observation(workspace_id=workspace.pk, source=SourceRef(ref), at=from_epoch_ms(ts), values=values)


def reports_of(
    workspace: Workspace, samples: Iterable[Sample], iface: str = "eth0", ref: Ref = NODE
) -> list[Observation]:
    return [report(workspace, sample.ts, {iface: sample[1:]}, ref) for sample in samples]


def send(rows: Sequence[Observation], now: datetime) -> None:
    # Months of reports at once, which the usual retention would refuse.
    kept = {row.workspace_id: Retention(reports=None) for row in rows}
    for first in range(0, len(rows), 500):
        with transaction.atomic():
            metrics.append(rows=rows[first : first + 500], now=now, retention=kept)


def seal(now: datetime, workspace: Workspace, ref: Ref = NODE) -> None:
    source = Source.objects.of(workspace.pk).get(ref=f"{ref.id}")
    metrics.seal(source=source, now=now)


def settle(now: datetime, workspace: Workspace, ref: Ref = NODE) -> None:
    """Seal and reckon all there is."""
    seal(now, workspace, ref)
    for _ in range(50):
        if not services.rewrite_late():
            assert not DirtyWindow.objects.filter(tier=FACTS).exists()
            return
    raise AssertionError("facts do not come to rest")


def stored(workspace: Workspace) -> dict[str, Any]:
    """Every byte of the facts, and what is remembered of the interfaces."""
    blocks = Block.objects.of(workspace.pk).filter(tier=FACTS).order_by("t0")
    rows = Interface.objects.of(workspace.pk).order_by("name")
    return {
        "blocks": [(row.t0, row.n, bytes(row.payload)) for row in blocks],
        "interfaces": [(row.name, row.first_ms, row.last, row.open) for row in rows],
    }


def facts(workspace: Workspace, iface: str = "eth0", ref: Ref = NODE) -> list[Fact]:
    """What is known of an interface, from wherever it is."""
    source = Source.objects.of(workspace.pk).get(ref=f"{ref.id}")
    line = lines_of(source).get(iface)
    if line is None:
        return []
    oldest = line.first_ms or 0
    return line.facts(Cycle(from_epoch_ms(oldest // DAY * DAY), from_epoch_ms(START + 40 * DAY))).rows()


def walk(*, seed: int = 1, count: int = 600, step_ms: int = 20_000, start: int = START) -> list[Sample]:
    """Samples of hours: jitter, silences and restarts among them."""
    rng = random.Random(seed)
    ts, received, sent = start, rng.randrange(10**12), rng.randrange(10**12)
    samples = []
    for _ in range(count):
        samples.append(Sample(ts, received, sent))
        ts += step_ms + rng.randrange(-2000, 2000) + (rng.random() < 0.01) * rng.randrange(3 * 3_600_000)
        if rng.random() < 0.01:
            received, sent = rng.randrange(1000), rng.randrange(1000)
        received, sent = received + rng.randrange(10**7), sent + (rng.random() < 0.9) * rng.randrange(10**6)
    return samples


def expected(samples: Iterable[Sample]) -> list[Fact]:
    return facts_of(sorted(samples))
