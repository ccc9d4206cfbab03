"""Plain successes take a shorter way and leave the same behind as facts that say the same."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from apps.checks.facts import fact_of, plain_of
from apps.checks.types import Certificate, CheckResult, Phases
from apps.common.clock import epoch_ms
from apps.devices.models import Device, DeviceState
from apps.incidents.models import IncidentEvent
from apps.metrics.models import HeadRow, Source
from apps.metrics.sources import forget_remembered
from apps.pipeline.services import submit
from apps.pipeline.types import fact_of_plain
from tests.apps.pipeline.scene import make_device

MINUTE = timedelta(minutes=1)
PHASES = Phases(0, 120, None, 800, 920)
BEFORE: dict[str, dict[str, Any]] = {
    "unknown": {},
    "up": {"state": "up", "rank": 0},
    "up, with something to take back": {"state": "up", "rank": 0, "severity": "critical"},
    "warning": {"state": "warning", "rank": 2, "streak": 1, "announced": "up", "cause": "refused"},
    "down": {"state": "down", "rank": 3, "cause": "refused", "cause_text": "Connection refused"},
}


def given(device: Device, at: datetime) -> dict[str, Any]:
    result = CheckResult("up", at, PHASES, 920, 200)
    return {
        "workspace_id": device.workspace_id,
        "device_id": device.pk,
        "interval_ms": 60_000,
        "run_ms": 3,
        "result": result,
    }


def left_behind(device: Device) -> tuple[Any, ...]:
    state = DeviceState.objects.filter(pk=device.pk).values(
        "state", "rank", "since", "streak", "announced", "cause", "version"
    )
    rows = HeadRow.objects.filter(source_id__in=_sources(device)).values_list("ts", "payload")
    events = IncidentEvent.objects.filter(incident__subject_id=device.pk).count()
    return state.get(), [(ts, bytes(payload)) for ts, payload in rows], events


def _sources(device: Device) -> list[int]:
    return list(Source.objects.filter(ref=str(device.pk), kind=Source.Kind.DEVICE).values_list("pk", flat=True))


@pytest.mark.parametrize("state", BEFORE.values(), ids=BEFORE)
@pytest.mark.parametrize("is_known", [True, False], ids=["known source", "new source"])
def test_both_ways_leave_the_same_behind(project, now, state, is_known) -> None:
    short, long = (make_device(project, now=now) for _ in range(2))
    if is_known:
        submit(observations=[fact_of(at=now, **given(device, now)) for device in (short, long)], now=now)
    DeviceState.objects.update(**state)
    at = now + MINUTE
    plain = plain_of(slot_ms=epoch_ms(at), **given(short, at))
    assert plain is not None
    done = submit(observations=[], plain=[plain], now=at)
    again = submit(observations=[fact_of(at=at, **given(long, at))], now=at)

    assert left_behind(short) == left_behind(long)
    assert [(change.before, change.after, change.at) for change in done.changes] == [
        (change.before, change.after, change.at) for change in again.changes
    ]
    assert (done.stored, len(done.confirming), len(done.settled)) == (
        again.stored,
        len(again.confirming),
        len(again.settled),
    )


def test_a_plain_success_told_twice_is_kept_once_and_one_of_nobody_is_dropped(project, now) -> None:
    device = make_device(project, now=now)
    gone = make_device(project, now=now)
    facts = [plain_of(slot_ms=epoch_ms(now), **given(each, now)) for each in (device, gone)]
    plain = [each for each in facts if each is not None]
    gone.delete()
    foreign = plain[0]._replace(workspace_id=device.workspace_id + 1)
    for _ in range(3):
        submit(observations=[], plain=[*plain, plain[0], foreign], now=now)
    forget_remembered()
    submit(observations=[], plain=plain, now=now)

    assert [ts for ts, _ in HeadRow.objects.values_list("ts", "payload")] == [epoch_ms(now)]


def test_a_failure_before_it_makes_a_success_more_than_plain(project, now) -> None:
    """Both in one submission: they are applied in the order of their instants."""
    device = make_device(project, now=now, retries=0)
    submit(observations=[fact_of(at=now, **given(device, now))], now=now)
    failed = CheckResult("down", now + MINUTE, message="refused", detail={"error": "connect", "reason": "refused"})
    fact = fact_of(at=now + MINUTE, **{**given(device, now), "result": failed})
    plain = plain_of(slot_ms=epoch_ms(now + 2 * MINUTE), **given(device, now + 2 * MINUTE))
    assert plain is not None
    done = submit(observations=[fact], plain=[plain], now=now + 2 * MINUTE)

    assert [(change.before, change.after) for change in done.changes] == [("up", "down"), ("down", "up")]


def test_what_says_more_is_not_plain(project, now) -> None:
    said = given(make_device(project, now=now), now)
    result: CheckResult = said.pop("result")
    shown = Certificate(now, now, "a", "b", (), trusted=True, chain_length=1, version="TLSv1.3")
    for more in (
        {"detail": {"redirects": 1}},
        {"status": "warning"},
        {"status": "down"},
        {"measured": False},
        {"latency_us": None},
        {"certificate": shown},
        {"domain_expires_at": now},
    ):
        assert plain_of(slot_ms=1, result=result._replace(**more), **said) is None
    plain = plain_of(slot_ms=epoch_ms(now), result=result, **said)
    assert plain is not None
    assert fact_of_plain(plain) == fact_of(at=now, result=result, **said)
