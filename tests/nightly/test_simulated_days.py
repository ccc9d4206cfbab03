"""Two weeks of results at the door, late, replayed and shuffled, sealed every few hours, against plain arithmetic."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from apps.common.clock import from_epoch_ms
from apps.devices.models import Device
from apps.devices.state import Outcome
from apps.incidents.models import Incident
from apps.metrics import services as metrics
from apps.metrics.selectors import window_totals
from apps.pipeline.services import submit_in_chunks
from apps.pipeline.types import DeviceFact
from tests.factories import make_device, make_project, make_workspace

DAYS = 14
STEP_MS = 60_000
START = datetime(2026, 3, 23, tzinfo=UTC)  # a clock change lies inside


@pytest.fixture
def devices() -> list[Device]:
    project = make_project(make_workspace(now=START), "nightly", now=START)
    return [make_device(project, name=f"site {number}", now=START) for number in range(4)]


def weather(dice: random.Random) -> Iterator[str]:
    """States that last: mostly up, now and then down or slow for a while."""
    while True:
        state, minutes = dice.choice([("up", 300), ("up", 90), ("down", 7), ("warning", 20)])
        yield from [state] * dice.randint(1, minutes)


def story(device: Device, dice: random.Random) -> list[DeviceFact]:
    start, states = int(START.timestamp() * 1000), weather(dice)
    facts = []
    for slot in range(start, start + DAYS * 86_400_000, STEP_MS):
        state, at = next(states), from_epoch_ms(slot)
        values = {"latency_us": None if state == "down" else dice.randint(900, 90_000), "interval_ms": STEP_MS}
        outcome = Outcome(at, state, "" if state == "up" else "refused", "", "")  # type: ignore[arg-type]  # from a list
        facts.append(DeviceFact(device.workspace_id, device.pk, at, outcome, values))
    return facts


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.django_db
def test_two_weeks_add_up_to_the_millisecond(devices) -> None:
    dice = random.Random(5)
    stories = {device.pk: story(device, dice) for device in devices}
    told: list[DeviceFact] = []
    for hour in range(DAYS * 24):
        end = START + timedelta(hours=hour + 1)
        for facts in stories.values():
            told += facts[hour * 60 : (hour + 1) * 60]
        # A twentieth waits for the next hour; a tenth of what is told is told again.
        late = [fact for fact in told if dice.random() < 0.05]
        now = [fact for fact in told if fact not in late]
        submit_in_chunks(observations=now + dice.sample(now, len(now) // 10), now=end)
        told = late
        if hour % 5 == 4:
            metrics.seal_due(now=end, limit=50)
            metrics.rebuild_dirty(now=end, limit=50)
    close = START + timedelta(days=DAYS, hours=3)
    submit_in_chunks(observations=told, now=close)
    while metrics.seal_due(now=close, limit=50).sources:
        pass
    while metrics.rebuild_dirty(now=close, limit=200).written:
        pass

    for device in devices:
        states = [fact.outcome.status for fact in stories[device.pk] if fact.outcome]
        totals = window_totals(
            workspace_id=device.workspace_id, ref=device.ref, start=START, end=START + timedelta(days=DAYS)
        )
        assert totals.checks == len(states)
        assert totals.fails == states.count("down")
        assert totals.times.down_ms == states.count("down") * STEP_MS
        assert totals.times.up_ms == (len(states) - states.count("down")) * STEP_MS
        assert totals.times.unknown_ms == 0
        still_open = Incident.objects.filter(subject_id=device.pk, closed_at=None).count()
        assert still_open == (states[-1] != "up")
