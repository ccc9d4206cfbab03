"""Maintenance: what outlasts a window is told at its end, once."""

from datetime import timedelta

import pytest

from apps.devices.models import DeviceState
from apps.incidents.models import Incident, IncidentEvent
from apps.metrics.models import DirtyWindow
from apps.pipeline import windows
from apps.pipeline.services import submit
from apps.pipeline.windows import clear_maintenance, set_maintenance, sweep_windows
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import Target
from tests.apps.pipeline.scene import make_device
from tests.apps.pipeline.test_services import fact

MINUTE = timedelta(minutes=1)


def cover(device, start, end, now):
    target = Target(workspace_id=device.workspace_id, ref=device.ref)
    return set_maintenance(target=target, starts_at=start, ends_at=end, now=now)


def goes(device, at, status="down"):
    submit(observations=[fact(device, at, status)], now=at)


def test_a_device_that_is_down_when_its_window_ends_opens_its_incident_then(device, now) -> None:
    goes(device, now, "up")
    cover(device, now + MINUTE, now + 10 * MINUTE, now)
    goes(device, now + 2 * MINUTE)

    assert sweep_windows(now=now + 10 * MINUTE) == 0
    assert Incident.objects.count() == 0
    assert sweep_windows(now=now + 10 * MINUTE + timedelta(seconds=3)) == 1

    incident = Incident.objects.get()
    assert (incident.opened_at, incident.cause, incident.severity) == (now + 10 * MINUTE, "refused", "critical")


def test_a_window_is_looked_at_once(device, now) -> None:
    cover(device, now, now + 10 * MINUTE, now)
    goes(device, now + 2 * MINUTE)
    sweep_windows(now=now + 11 * MINUTE)
    Incident.objects.update(closed_at=now + 12 * MINUTE, close_reason="resolved_by_hand")

    assert sweep_windows(now=now + 20 * MINUTE) == 0

    assert Incident.objects.filter(closed_at__isnull=True).count() == 0


def test_a_device_that_recovered_inside_its_window_opens_nothing(device, now) -> None:
    cover(device, now, now + 10 * MINUTE, now)
    goes(device, now + 2 * MINUTE)
    goes(device, now + 3 * MINUTE, "up")

    sweep_windows(now=now + 11 * MINUTE)

    assert Incident.objects.count() == 0


def test_an_incident_from_before_the_window_is_not_opened_again(device, now) -> None:
    goes(device, now)
    cover(device, now + MINUTE, now + 10 * MINUTE, now)

    sweep_windows(now=now + 11 * MINUTE)

    assert Incident.objects.get().opened_at == now


def test_a_window_that_ends_inside_another_leaves_the_word_to_it(project, device, now) -> None:
    cover(device, now, now + 10 * MINUTE, now)
    whole = Target(workspace_id=project.workspace_id, project=project)
    set_maintenance(target=whole, starts_at=now + 5 * MINUTE, ends_at=now + 20 * MINUTE, now=now)
    goes(device, now + 2 * MINUTE)

    sweep_windows(now=now + 11 * MINUTE)
    assert Incident.objects.count() == 0
    sweep_windows(now=now + 21 * MINUTE)

    assert Incident.objects.get().opened_at == now + 20 * MINUTE


def test_a_sweep_after_an_outage_settles_both_windows_and_says_it_once(project, device, now) -> None:
    cover(device, now, now + 10 * MINUTE, now)
    whole = Target(workspace_id=project.workspace_id, project=project)
    set_maintenance(target=whole, starts_at=now + 5 * MINUTE, ends_at=now + 20 * MINUTE, now=now)
    goes(device, now + 2 * MINUTE)

    assert sweep_windows(now=now + 90 * MINUTE) == 2

    assert Incident.objects.get().opened_at == now + 20 * MINUTE


def test_a_project_window_speaks_for_all_its_devices_but_the_paused(project, now) -> None:
    devices = [make_device(project, now=now) for _ in range(3)]
    whole = Target(workspace_id=project.workspace_id, project=project)
    set_maintenance(target=whole, starts_at=now, ends_at=None, now=now)
    for device in devices:
        goes(device, now + MINUTE)
    devices[0].paused = True
    devices[0].save()

    clear_maintenance(target=whole, now=now + 7 * MINUTE)
    sweep_windows(now=now + 8 * MINUTE)

    opened = dict(Incident.objects.values_list("subject_id", "opened_at"))
    assert opened == {device.pk: now + 7 * MINUTE for device in devices[1:]}


def test_a_failure_still_in_doubt_at_the_end_waits_for_its_confirmation(device, now) -> None:
    type(device).objects.update(retries=3)
    goes(device, now, "up")
    cover(device, now, now + 10 * MINUTE, now)
    goes(device, now + 9 * MINUTE)

    sweep_windows(now=now + 11 * MINUTE)

    assert DeviceState.objects.get().state == "warning"
    assert Incident.objects.count() == 0


def test_a_window_set_for_the_past_has_the_figures_reckoned_again(device, now) -> None:
    goes(device, now - 30 * MINUTE, "up")

    cover(device, now - 20 * MINUTE, now - 10 * MINUTE, now)

    assert DirtyWindow.objects.of(device.workspace_id).exists()


def test_a_sweep_that_breaks_off_is_done_by_the_next(device, now, monkeypatch) -> None:
    cover(device, now, now + 10 * MINUTE, now)
    goes(device, now + 2 * MINUTE)
    original = windows.announce

    def breaks_after(*args, **kwargs):
        original(*args, **kwargs)
        raise RuntimeError("killed")

    events = IncidentEvent.objects.count()
    with monkeypatch.context() as patched:
        patched.setattr(windows, "announce", breaks_after)
        with pytest.raises(RuntimeError, match="killed"):
            sweep_windows(now=now + 11 * MINUTE)
    assert (Incident.objects.count(), IncidentEvent.objects.count()) == (0, events)
    assert MaintenanceWindow.objects.filter(settled_at__isnull=True).count() == 1

    sweep_windows(now=now + 11 * MINUTE)

    assert Incident.objects.count() == 1
