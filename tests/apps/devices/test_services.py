from typing import Any

import pytest
from pytest_django import Settings

from apps.common.errors import (
    InvalidInputError,
    NotFoundError,
    PlanLimitError,
    PremiumRequiredError,
)
from apps.devices import services
from apps.devices.models import SHARDS, Device, DeviceState
from apps.devices.services import Options
from apps.devices.targets import describe
from apps.projects.models import Project
from apps.tokens.models import AgentKey
from apps.tokens.selectors import key_of
from apps.workspaces.models import Workspace
from tests.apps.devices.making import LATER, create, described, update
from tests.factories import NOW, key_with, make_device, make_project, make_seat, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db


def test_a_new_device_is_unknown_scheduled_and_numbered(project: Project) -> None:
    seat = make_seat(project.workspace, "editor")

    device = services.create_device(project=project, description=described(), now=NOW, owner=seat)

    stored = Device.objects.select_related("state").get()
    assert stored == device
    assert (stored.number, stored.owner, stored.workspace) == (1, seat, project.workspace)
    assert (stored.name, stored.kind, stored.label, stored.host) == ("Till 1", "http", "http", "10.0.0.7")
    assert (stored.enabled, stored.paused, stored.pause_reason) == (True, False, "")
    assert (stored.created_at, stored.updated_at) == (NOW, NOW)
    assert (stored.state.state, stored.state.since, stored.state.rank) == ("unknown", NOW, 1)


def test_devices_spread_over_their_interval_by_a_number_that_never_changes(project: Project) -> None:
    devices = [create(project) for _ in range(40)]

    for device in devices:
        assert device.phase_ms == device.public_id.int % 60_000
        assert device.shard == device.public_id.int % SHARDS
    assert len({device.phase_ms // 15_000 for device in devices}) == 4


@pytest.mark.parametrize("label", ["heartbeat", "agent"])
def test_what_somebody_else_feeds_is_never_scheduled(project: Project, label: str) -> None:
    assert not create(project, label).enabled


def test_a_heartbeat_is_born_with_a_token_and_others_are_not(project: Project) -> None:
    heartbeat, other = create(project, "heartbeat"), create(project)

    workspace = project.workspace
    key = key_of(workspace=workspace, subject=AgentKey.Subject.DEVICE, subject_id=heartbeat.pk)
    assert key is not None
    assert key.secret.startswith("hb_")
    assert key_of(workspace=workspace, subject=AgentKey.Subject.DEVICE, subject_id=other.pk) is None


def test_options_are_kept(project: Project) -> None:
    parent = create(project)

    device = create(
        project,
        interval_s=300,
        retries=3,
        retry_interval_s=20,
        severity="warning",
        paused=True,
        tags=["till", "eu"],
        parents=[parent],
    )

    stored = Device.objects.get(pk=device.pk)
    assert (stored.interval_s, stored.retries, stored.retry_interval_s, stored.severity) == (300, 3, 20, "warning")
    assert (stored.paused, stored.pause_reason, stored.enabled) == (True, "manual", False)
    assert sorted(stored.tags.values_list("text", flat=True)) == ["eu", "till"]
    assert list(stored.parents.all()) == [parent]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"retries": -1}, "retries"),
        ({"retries": 11}, "retries"),
        ({"retry_interval_s": 0}, "retryIntervalSeconds"),
        ({"retry_interval_s": 86_401}, "retryIntervalSeconds"),
        ({"severity": "loud"}, "severity"),
        ({"interval_s": 0}, "ping_interval"),
        ({"interval_s": 31_536_001}, "ping_interval"),
    ],
)
def test_a_bad_option_is_refused_and_leaves_nothing_behind(
    project: Project, options: dict[str, Any], field: str
) -> None:
    kept = create(project)

    for act in (lambda: create(project, **options), lambda: update(kept, **options)):
        with pytest.raises(InvalidInputError) as refusal:
            act()
        assert list(refusal.value.fields) == [field]

    assert [device.updated_at for device in Device.objects.all()] == [NOW]


@pytest.mark.parametrize(
    ("asked", "plan", "interval"),
    [(None, "free", 7200), (60, "free", 7200), (None, "premium", 900), (9000, "free", 9000), (1800, "premium", 1800)],
)
def test_an_interval_is_raised_to_the_plans_minimum(
    settings: Settings, asked: int | None, plan: str, interval: int
) -> None:
    settings.PROFILE = "saas"
    project = make_project(make_workspace(plan=plan))

    device = create(project, interval_s=asked)

    assert (device.asked_interval_s, device.interval_s) == (asked, interval)
    assert device.phase_ms < interval * 1000


@pytest.mark.parametrize("label", ["dns", "heartbeat"])
def test_premium_kinds_need_premium(free: Project, label: str) -> None:
    with pytest.raises(PremiumRequiredError):
        create(free, label)

    assert not Device.objects.exists()
    assert not DeviceState.objects.exists()


def test_a_full_project_refuses_the_next_device_in_the_contracts_sentence(paid: Project) -> None:
    for _ in range(15):
        make_device(paid)

    with pytest.raises(PlanLimitError) as refusal:
        create(paid)

    assert refusal.value.message == "Plan limit reached. Your plan allows 15 devices per project."
    assert refusal.value.details == {"limit": "devicesPerProject", "max": 15, "used": 15}
    assert Device.objects.count() == 15
    create(make_project(paid.workspace))


def test_a_bad_option_answers_before_a_full_plan(paid: Project) -> None:
    Workspace.objects.update(limit_overrides={"devicesPerProject": 0})

    with pytest.raises(InvalidInputError):
        create(paid, retries=99)


def test_an_update_replaces_the_target_and_keeps_what_is_not_said(project: Project) -> None:
    device = create(project, interval_s=300, retries=3, tags=["till"], parents=[create(project)])
    described_anew = describe(name="Till 2", label="tcp", host="10.0.0.8", port=22, url=None, notes="moved", missing="")

    updated = services.update_device(device=device, description=described_anew, options=Options(), now=LATER)

    stored = Device.objects.get(pk=device.pk)
    assert updated == stored
    assert (stored.name, stored.kind, stored.host, stored.port, stored.notes) == (
        "Till 2",
        "tcp",
        "10.0.0.8",
        22,
        "moved",
    )
    assert (stored.interval_s, stored.retries, stored.created_at, stored.updated_at) == (300, 3, NOW, LATER)
    assert (stored.tags.count(), stored.parents.count()) == (1, 1)


def test_a_new_interval_moves_the_phase_inside_it(project: Project) -> None:
    device = update(create(project, interval_s=86_400), interval_s=10)

    assert device.interval_s == 10
    assert device.phase_ms == device.public_id.int % 10_000


def test_an_update_does_not_undo_what_happened_since_the_device_was_read(project: Project) -> None:
    device = create(project)
    stale = Device.objects.get(pk=device.pk)
    services.set_paused(device=device, paused=True, now=NOW)

    update(stale)

    stored = Device.objects.get(pk=device.pk)
    assert (stored.paused, stored.pause_reason, stored.enabled) == (True, "manual", False)


def test_a_device_that_is_gone_is_not_found(project: Project) -> None:
    device = create(project)
    stale = Device.objects.get(pk=device.pk)
    device.delete()

    with pytest.raises(NotFoundError, match="Device not found"):
        update(stale)
    with pytest.raises(NotFoundError):
        services.set_paused(device=stale, paused=True, now=NOW)

    assert not Device.objects.exists()


def test_a_token_comes_with_the_heartbeat_and_goes_with_it(project: Project) -> None:
    device = create(project)
    update(device, "heartbeat")
    key = AgentKey.objects.get()

    update(device, "heartbeat")
    assert AgentKey.objects.get().secret == key.secret
    update(device, "http")

    assert key_with(key.secret) is None
    assert Device.objects.get().enabled


def test_a_free_workspace_turns_nothing_into_a_premium_kind(free: Project) -> None:
    device = create(free)

    with pytest.raises(PremiumRequiredError):
        update(device, "dns")

    assert Device.objects.get().kind == "http"


def test_devices_do_not_stand_above_themselves(project: Project) -> None:
    top = create(project)
    middle = create(project, parents=[top])
    bottom = create(project, parents=[middle, top])

    for device, parents in ((top, [top]), (top, [middle]), (top, [bottom]), (middle, [bottom])):
        with pytest.raises(InvalidInputError) as refusal:
            update(device, parents=parents)
        assert list(refusal.value.fields) == ["parentDeviceIds"]

    assert [device.parents.count() for device in (top, middle, bottom)] == [0, 1, 2]
    update(bottom, parents=[])
    update(top, parents=[bottom])
    assert list(top.parents.all()) == [bottom]


def test_a_foreign_device_is_nobodys_parent(project: Project) -> None:
    foreign = create(make_project(make_workspace()))

    with pytest.raises(InvalidInputError):
        create(project, parents=[foreign])

    assert not Device.objects.of(project.workspace).exists()


@pytest.mark.django_db(transaction=True)
def test_the_last_place_is_given_once_to_two_who_ask_at_once(settings: Settings) -> None:
    settings.PROFILE = "saas"
    project = make_project(make_workspace(limit_overrides={"devicesPerProject": 1}))

    made = at_once(lambda: create(project), lambda: create(project))

    assert sorted(type(one).__name__ for one in made) == ["Device", "PlanLimitError"]
    assert Device.objects.count() == DeviceState.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_two_devices_made_parents_of_each_other_at_once_do_not_become_it() -> None:
    project = make_project(make_workspace())
    one, two = create(project), create(project)

    outcomes = at_once(lambda: update(one, parents=[two]), lambda: update(two, parents=[one]))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Device", "InvalidInputError"]
    assert one.parents.count() + two.parents.count() == 1
