from datetime import timedelta

import pytest

from apps.common.errors import NotFoundError, PlanLimitError
from apps.devices.models import Device
from apps.devices.selectors import standings
from apps.incidents.models import Incident
from apps.metrics import selectors as metrics
from apps.metrics.models import DirtyWindow
from apps.operations.moves import move_monitor
from apps.pipeline.windows import set_maintenance, sweep_windows
from apps.projects.models import MaintenanceWindow, Project
from apps.projects.windows import Target
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.web.conftest import Scene, break_down, measure, scene  # noqa: F401  # a workspace with a past


@pytest.fixture
def target(scene: Scene) -> Project:  # noqa: F811  # a fixture is asked for by its name
    return factories.make_project(scene.workspace, "hamburg", now=scene.now - timedelta(days=3))


def silence(scene: Scene, project: Project, *, minutes: int) -> None:  # noqa: F811  # a fixture is asked for by its name
    """The project has been in maintenance for so long, and still is."""
    begin = scene.now - timedelta(minutes=minutes)
    set_maintenance(target=Target(scene.workspace.pk, project=project), starts_at=begin, ends_at=None, now=begin)


def test_an_open_incident_goes_along_and_a_closed_one_stays(scene: Scene, target: Project) -> None:  # noqa: F811  # a fixture is asked for by its name
    old = break_down(scene.device, at=scene.now - timedelta(hours=2))
    Incident.objects.filter(pk=old.pk).update(closed_at=scene.now - timedelta(hours=1))
    new = break_down(scene.device, at=scene.now)

    move_monitor(device=scene.device, project=target, now=scene.now)

    assert Device.objects.get(pk=scene.device.pk).project == target
    assert Incident.objects.get(pk=new.pk).project == target
    assert Incident.objects.get(pk=old.pk).project == scene.project


def test_what_the_old_project_excused_stays_excused(scene: Scene, target: Project) -> None:  # noqa: F811  # a fixture is asked for by its name
    measure(scene.device, *["down"] * 10, now=scene.now)
    silence(scene, scene.project, minutes=5)
    span = {"start": scene.now - timedelta(minutes=8), "end": scene.now}
    before = metrics.window_totals(workspace_id=scene.workspace.pk, ref=scene.device.ref, **span)

    move_monitor(device=scene.device, project=target, now=scene.now)

    after = metrics.window_totals(workspace_id=scene.workspace.pk, ref=scene.device.ref, **span)
    assert before.times.maintenance_ms > 0
    assert after.times == before.times
    later = scene.now + timedelta(minutes=1)
    assert (
        standings([scene.device], workspace_id=scene.workspace.pk, now=later)[scene.device.pk].status != "maintenance"
    )


def test_trouble_that_only_the_old_project_silenced_is_told(scene: Scene, target: Project) -> None:  # noqa: F811  # a fixture is asked for by its name
    silence(scene, scene.project, minutes=5)
    break_down(scene.device, at=scene.now - timedelta(minutes=3))
    Incident.objects.of(scene.workspace).delete()  # inside the window nothing would have opened

    move_monitor(device=scene.device, project=target, now=scene.now)
    sweep_windows(now=scene.now + timedelta(seconds=30))

    assert Incident.objects.of(scene.workspace).get().project == target


def test_days_that_the_new_projects_windows_touch_are_reckoned_again(scene: Scene, target: Project) -> None:  # noqa: F811  # a fixture is asked for by its name
    measure(scene.device, "up", "up", "up", now=scene.now)
    silence(scene, target, minutes=2)
    DirtyWindow.objects.all().delete()

    move_monitor(device=scene.device, project=target, now=scene.now)

    assert DirtyWindow.objects.exists()


def test_a_full_project_takes_nothing_and_nothing_changes(scene: Scene, target: Project) -> None:  # noqa: F811  # a fixture is asked for by its name
    for number in range(15):
        factories.make_device(target, f"Monitor {number}", now=scene.now)
    Workspace.objects.filter(pk=scene.workspace.pk).update(plan="free")
    silence(scene, scene.project, minutes=5)

    with pytest.raises(PlanLimitError):
        move_monitor(device=scene.device, project=target, now=scene.now)

    assert Device.objects.get(pk=scene.device.pk).project == scene.project
    assert not MaintenanceWindow.objects.filter(subject_id=scene.device.pk).exists()


def test_a_project_of_another_workspace_is_not_there(scene: Scene) -> None:  # noqa: F811  # a fixture is asked for by its name
    foreign = factories.make_project(scene.stranger.memberships.get().workspace, "away", now=scene.now)

    with pytest.raises(NotFoundError):
        move_monitor(device=scene.device, project=foreign, now=scene.now)

    assert Device.objects.get(pk=scene.device.pk).project == scene.project
