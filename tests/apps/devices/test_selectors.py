import uuid
from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.common.errors import NotFoundError
from apps.devices import selectors
from apps.devices.models import Device, DeviceState
from apps.devices.services import set_tags
from apps.projects.models import Project
from apps.projects.windows import Target, set_window
from tests.factories import NOW, make_device, make_project, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def project() -> Project:
    return make_project(make_workspace())


def in_state(device: Device, **fields: Any) -> Device:
    DeviceState.objects.filter(device=device).update(**fields)
    return Device.objects.select_related("state").get(pk=device.pk)


def test_a_list_reads_projects_states_and_tags_in_two_statements(
    project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for index in range(3):
        set_tags(device=make_device(project, f"Till {index}"), tags=["till", "eu"], now=NOW)

    with django_assert_num_queries(2):
        rows = [
            (device.project.name, device.state.state, sorted(tag.text for tag in device.tags.all()))
            for device in selectors.devices_of(project.workspace_id)
        ]

    assert rows == [(project.name, "unknown", ["eu", "till"])] * 3


def test_devices_are_ones_own_and_within_the_scope(project: Project) -> None:
    other = make_project(project.workspace)
    ours, elsewhere = make_device(project), make_device(other)
    make_device(make_project(make_workspace()))

    assert set(selectors.devices_of(project.workspace)) == {ours, elsewhere}
    assert set(selectors.devices_of(project.workspace, projects=[project.pk])) == {ours}
    assert not selectors.devices_of(project.workspace, projects=[])


def test_unknown_foreign_and_out_of_scope_look_the_same(project: Project) -> None:
    ours = make_device(project)
    foreign = make_device(make_project(make_workspace()))
    workspace = project.workspace

    assert selectors.device_by_public_id(workspace=workspace, public_id=ours.public_id) == ours
    for public_id, scope in [(foreign.public_id, None), (uuid.uuid4(), None), (None, None), (ours.public_id, [0])]:
        with pytest.raises(NotFoundError, match="Device not found"):
            selectors.device_by_public_id(workspace=workspace, public_id=public_id, projects=scope)


def test_paused_covers_maintenance_covers_the_state(
    project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    plain, silenced, paused = (in_state(make_device(project), state="down") for _ in range(3))
    for device in (silenced, paused):
        target = Target(workspace_id=project.workspace_id, ref=device.ref)
        set_window(target=target, starts_at=NOW, ends_at=NOW + timedelta(hours=1), now=NOW)
    paused.paused = True

    with django_assert_num_queries(1):
        shown = selectors.standings([plain, silenced, paused], workspace_id=project.workspace_id, now=NOW)

    assert [shown[device.pk].status for device in (plain, silenced, paused)] == ["down", "maintenance", "paused"]
    assert [shown[device.pk].in_maintenance for device in (plain, silenced, paused)] == [False, True, True]


@pytest.mark.parametrize(
    ("offset", "status"),
    [
        (timedelta(microseconds=-1), "up"),
        (timedelta(0), "maintenance"),
        (timedelta(hours=1), "maintenance"),
        (timedelta(hours=1, microseconds=1), "up"),
    ],
)
def test_a_projects_window_silences_its_devices_at_both_ends(project: Project, offset: timedelta, status: str) -> None:
    device = in_state(make_device(project), state="up")
    target = Target(workspace_id=project.workspace_id, project=project)
    set_window(target=target, starts_at=NOW, ends_at=NOW + timedelta(hours=1), now=NOW)

    shown = selectors.standings([device], workspace_id=project.workspace_id, now=NOW + offset)

    assert shown[device.pk].status == status


def test_nothing_to_show_is_nothing(project: Project) -> None:
    assert selectors.standings([], workspace_id=project.workspace_id, now=NOW) == {}


@pytest.mark.parametrize(
    ("statuses", "rolled_up"),
    [
        ([], "up"),
        (["up", "unknown"], "up"),
        (["paused", "paused"], "up"),
        (["up", "warning", "down", "maintenance"], "down"),
        (["up", "warning", "maintenance"], "warning"),
        (["maintenance", "maintenance"], "maintenance"),
        (["maintenance", "paused"], "maintenance"),
        (["maintenance", "up"], "partial_maintenance"),
        (["maintenance", "unknown"], "partial_maintenance"),
    ],
)
def test_a_project_shows_the_worst_of_its_devices(statuses: list[str], rolled_up: str) -> None:
    assert selectors.roll_up(statuses) == rolled_up


def test_the_worst_and_longest_comes_first(project: Project) -> None:
    calm, recent, lasting = (make_device(project, name) for name in ("calm", "recent", "lasting"))
    in_state(calm, state="up", rank=0, since=NOW - timedelta(days=9))
    in_state(recent, state="down", rank=3, since=NOW)
    in_state(lasting, state="down", rank=3, since=NOW - timedelta(hours=1))

    assert list(selectors.devices_of(project.workspace_id).worst_first()) == [lasting, recent, calm]


def test_the_schedulers_query_sees_enabled_devices_of_its_shard_interval_and_phase(project: Project) -> None:
    device = make_device(project)
    Device.objects.update(shard=3, interval_s=60, phase_ms=500)

    def due(**changes: int) -> bool:
        window = {"shard": 3, "interval_s": 60, "start_ms": 500, "end_ms": 501} | changes
        return Device.objects.with_phase_in(**window).exists()

    assert due()
    assert not due(end_ms=500)
    assert not due(start_ms=501, end_ms=900)
    assert not due(shard=4)
    assert not due(interval_s=61)
    Device.objects.filter(pk=device.pk).update(enabled=False)
    assert not due()


def test_a_slot_begins_where_phase_and_interval_say(project: Project) -> None:
    device = make_device(project)
    device.interval_s, device.phase_ms = 60, 1500

    slot = device.slot_at(NOW)

    assert slot % 60_000 == 1500
    assert 0 <= int(NOW.timestamp() * 1000) - slot < 60_000
