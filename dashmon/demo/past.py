"""The month before the demo began: simulated results, taken in through the same door as measured ones."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.devices.models import Device
from apps.devices.state import Outcome
from apps.metrics import services as metrics
from apps.pipeline.services import submit_in_chunks
from apps.pipeline.types import DeviceFact
from dashmon.demo.cast import Part, Trouble
from dashmon.demo.targets import pace

DAYS = 30
STEP_MS = 300_000
DAY_MS = 86_400_000


def live_through(*, device: Device, part: Part, since: datetime, until: datetime, now: datetime) -> int:
    """Submit one monitor's results of [since, until) in a month that ends now, oldest first; answers how many."""
    facts = [fact for fact in _facts(device, part, now) if since <= fact.at < until]
    for start in range(0, len(facts), DAY_MS // STEP_MS):
        day = facts[start : start + DAY_MS // STEP_MS]
        submit_in_chunks(observations=day, now=day[-1].at)
    return len(facts)


def settle(*, now: datetime) -> None:
    """Seal and roll up what was submitted, so that pages read it as they would after a month."""
    while metrics.seal_due(now=now, limit=200).sources:
        pass
    while metrics.rebuild_dirty(now=now, limit=500).written:
        pass


def _facts(device: Device, part: Part, now: datetime) -> Iterator[DeviceFact]:
    end = epoch_ms(now)
    troubles = [(_start(trouble, end), trouble) for trouble in part.troubles]
    dice = random.Random(device.name)  # noqa: S311  # the same month for everybody
    for slot in range(end - DAYS * DAY_MS - end % STEP_MS, end, STEP_MS):
        wrong = next((t for start, t in troubles if start <= slot < start + t.minutes * 60_000), None)
        yield _fact(device, part, slot, wrong, dice)


def start_of(trouble: Trouble, *, now: datetime) -> datetime:
    """When trouble began."""
    return from_epoch_ms(_start(trouble, epoch_ms(now)))


def _start(trouble: Trouble, end: int) -> int:
    if trouble.hour < 0:
        return end - trouble.minutes * 60_000
    return end - end % DAY_MS - trouble.days_ago * DAY_MS + trouble.hour * 3_600_000


def _fact(device: Device, part: Part, slot: int, wrong: Trouble | None, dice: random.Random) -> DeviceFact:
    at = from_epoch_ms(slot)
    total = int(_total_us(part, slot / 1000, dice) * (8 if wrong is not None and wrong.status == "warning" else 1))
    failed = wrong is not None and wrong.status == "down"
    values: dict[str, int | float | None] = {
        "latency_us": None if failed else total,
        "connect_us": 300,
        "ttfb_us": int(total * 0.8),
        "total_us": total,
        "run_ms": 2,
        "interval_ms": STEP_MS,
    }
    if answered := _answered(part, wrong):
        values["http.status"] = answered
    if wrong is None:
        return DeviceFact(device.workspace_id, device.pk, at, Outcome(at, "up"), values)
    outcome = Outcome(at, "down" if failed else "warning", wrong.reason, wrong.words)
    return DeviceFact(device.workspace_id, device.pk, at, outcome, values, {"reason": wrong.reason})


def _answered(part: Part, wrong: Trouble | None) -> int | None:
    if wrong is None or wrong.status == "warning":
        return part.status_code
    return 503 if wrong.reason == "assertion" else None


def _total_us(part: Part, at: float, dice: random.Random) -> float:
    if part.kind == "http":
        return pace(part.path, at) * 1e6
    return part.usual_ms * 1000 * dice.lognormvariate(0, 0.2)


def began(now: datetime) -> datetime:
    """When the demo's monitors were made, as their pages say."""
    return now - timedelta(days=DAYS)
