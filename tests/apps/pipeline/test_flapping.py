"""A device that changes too often: one incident, one word about it, and how things stand once it has settled."""

from datetime import datetime, timedelta

import pytest

from apps.devices.models import Device, DeviceState
from apps.incidents.models import Incident, IncidentEvent
from apps.pipeline.flapping import sweep_flapping
from apps.pipeline.lifecycle import set_paused
from apps.pipeline.services import submit
from apps.pipeline.windows import set_maintenance
from apps.projects.windows import Target
from tests.apps.pipeline.test_services import MINUTE, fact


def tell(device: Device, at: datetime, status: str) -> None:
    submit(observations=[fact(device, at, status)], now=at)


def flap(device: Device, now: datetime, *, flips: int) -> datetime:
    """Up first, then so many changes a minute apart; the instant of the last."""
    tell(device, now, "up")
    # Nothing is known at first, so the first result is a change as well.
    for number in range(1, flips):
        tell(device, now + number * MINUTE, "down" if number % 2 else "up")
    return now + (flips - 1) * MINUTE


def told(device: Device) -> list[tuple[str, bool]]:
    """Kinds of the events in their order, and whether each is for the timeline only."""
    rows = IncidentEvent.objects.of(device.workspace_id).exclude(kind="notified").order_by("pk")
    return [(event.kind, bool(event.detail.get("muted"))) for event in rows]


def test_the_change_that_is_one_too_many_is_the_last_that_is_told(device, now) -> None:
    # unknown to up counts as well, so the seventh change is the one to up at minute 6.
    flap(device, now, flips=9)

    assert told(device) == [
        ("changed", False),
        ("opened", False),
        ("closed", False),
        ("opened", False),
        ("closed", False),
        ("opened", False),
        ("flapping", False),
        ("changed", True),
        ("changed", True),
    ]
    assert Incident.objects.filter(closed_at__isnull=True).count() == 1


def test_half_an_hour_without_a_change_closes_it_when_all_is_well(device, now) -> None:
    last = flap(device, now, flips=9)

    assert sweep_flapping(now=last + timedelta(minutes=29, seconds=59)) == 0
    assert sweep_flapping(now=last + timedelta(minutes=31)) == 1
    assert sweep_flapping(now=last + timedelta(minutes=32)) == 0

    incident = Incident.objects.order_by("-pk")[0]
    assert incident.closed_at == last + timedelta(minutes=30)
    assert told(device)[-1] == ("closed", False)


def test_half_an_hour_without_a_change_tells_again_when_it_is_down(device, now) -> None:
    last = flap(device, now, flips=10)
    sweep_flapping(now=last + timedelta(minutes=31))

    incident = Incident.objects.get(closed_at__isnull=True)
    assert incident.state == "down"
    event = IncidentEvent.objects.filter(incident=incident).order_by("-pk")[0]
    assert (event.kind, event.at) == ("released", last + timedelta(minutes=30))
    assert (event.detail["before"], event.detail["after"], event.detail["muted"]) == ("flapping", "down", False)


def test_a_change_that_comes_before_any_sweep_ends_it_first(device, now) -> None:
    last = flap(device, now, flips=9)

    later = last + timedelta(minutes=45)
    tell(device, later, "down")

    assert told(device)[-2:] == [("closed", False), ("opened", False)]
    ends = IncidentEvent.objects.order_by("-pk").values_list("at", flat=True)[:2]
    assert list(ends) == [later, last + timedelta(minutes=30)]
    assert DeviceState.objects.get(pk=device.pk).settles_at is None


def test_changes_in_a_maintenance_window_do_not_count(device, now) -> None:
    target = Target(device.workspace_id, ref=device.ref)
    set_maintenance(target=target, starts_at=now, ends_at=now + timedelta(hours=2), now=now)
    flap(device, now, flips=12)

    state = DeviceState.objects.get(pk=device.pk)
    assert (state.flips, state.flapping_since) == ([], None)


def test_pausing_forgets_it(device, now) -> None:
    last = flap(device, now, flips=9)
    set_paused(device=device, paused=True, now=last + MINUTE)

    assert sweep_flapping(now=last + timedelta(hours=1)) == 0


def test_a_change_told_again_is_not_counted_again(device, now) -> None:
    for _ in range(3):
        flap(device, now, flips=3)

    assert len(DeviceState.objects.get(pk=device.pk).flips) == 3


@pytest.mark.django_db
def test_nothing_flaps_in_an_empty_house(now) -> None:
    assert sweep_flapping(now=now) == 0
