"""Workers killed and frozen at random, in processes of their own: 0 slots lost, 0 doubled, against arithmetic."""

import random
import signal
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from apps.checks.models import CheckBatch, ShardCursor
from apps.checks.schedule import materialise
from apps.common.clock import from_epoch_ms
from apps.devices.models import SHARDS, Device
from tests.apps.checks.simulation import slots_between
from tests.apps.checks.stored import rows_of, slots_told
from tests.apps.pipeline.scene import make_device, make_project
from tests.crew import Crew, crew_on
from tests.shared_database import shared_database
from tests.waiting import eventually

__all__ = ["shared_database"]
LEASE_S = 2.5


@pytest.fixture
def crew(shared_database: str) -> Iterator[Crew]:
    with crew_on(shared_database, "tests.apps.checks.worker", str(LEASE_S)) as crew:
        yield crew


def times_run(devices: list[Device]) -> int:
    """How many checks were run and stored, those recorded as missed not counted."""
    return sum(not row.missed for device in devices for row in rows_of(device))


@pytest.mark.timeout(300)  # waits for processes to start, however slow the machine
def test_killed_and_frozen_workers_lose_no_slot_and_double_none(crew: Crew) -> None:
    now = datetime.now(UTC)
    project = make_project(now=now, name="crash")
    rng = random.Random(11)
    devices = [
        make_device(project, now=now, interval_s=6, phase_ms=rng.randrange(6000), shard=rng.randrange(SHARDS))
        for _ in range(150)
    ]
    start = datetime.now(UTC)
    materialise(now=start)
    begin = from_epoch_ms(ShardCursor.objects.get(shard=0).cursor_ms)
    for name in ("a", "b", "c"):
        crew.start(name)
    assert eventually(lambda: times_run(devices) > 0, 60)

    for _ in range(5):
        time.sleep(rng.uniform(0.3, 1.2))
        victim = rng.choice("abc")
        crew.kill(victim)
        crew.start(victim)
    frozen = crew.members["b"]
    frozen.send_signal(signal.SIGSTOP)
    time.sleep(LEASE_S + 1.5)
    frozen.send_signal(signal.SIGCONT)
    # However slow the machine, the crew gets round to every device again.
    assert eventually(lambda: times_run(devices) > 2 * len(devices), 90)
    # One survivor clears what the dead left behind; then nothing hands out new slots any more.
    crew.kill("b")
    crew.kill("c")
    assert eventually(lambda: not CheckBatch.objects.filter(attempt__gt=1).exists(), 20)
    crew.kill("a")

    told = Counter((device.pk, slot) for device in devices for slot in slots_told(device))
    for batch in CheckBatch.objects.all():
        told.update(zip(batch.device_ids, batch.slots, strict=True))
    cursors = {cursor.shard: cursor.cursor_ms for cursor in ShardCursor.objects.all()}
    truth = {
        (device.pk, slot)
        for device in devices
        for slot in slots_between(device, begin, from_epoch_ms(cursors[device.shard]))
    }
    assert truth - told.keys() == set()
    assert told.keys() - truth == set()
    assert {pair: count for pair, count in told.items() if count > 1} == {}
