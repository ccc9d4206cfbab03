import pytest
from pytest_django import DjangoAssertNumQueries

from apps.common.errors import (
    InvalidInputError,
    PlanLimitError,
)
from apps.devices import services
from apps.devices.models import Device
from apps.projects.models import Project, Tag
from apps.workspaces.models import Workspace
from tests.apps.devices.making import create
from tests.factories import NOW, make_project, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db


def tags_of(device: Device) -> list[str]:
    return sorted(Device.objects.get(pk=device.pk).tags.values_list("text", flat=True))


def test_tags_are_replaced_and_unused_ones_forgotten(project: Project) -> None:
    device = create(project, tags=["old", "till"])

    assert services.set_tags(device=device, tags=["till", "eu"], now=NOW)
    assert not services.set_tags(device=device, tags=["eu", "till"], now=NOW)

    assert tags_of(device) == ["eu", "till"]
    assert sorted(Tag.objects.values_list("text", flat=True)) == ["eu", "till"]
    assert services.set_tags(device=device, tags=[], now=NOW)
    assert not Tag.objects.exists()


@pytest.mark.parametrize(
    ("mode", "first", "second", "updated"),
    [
        ("add", ["eu", "till"], ["eu"], 2),
        ("remove", ["till"], [], 0),
        ("replace", ["eu"], ["eu"], 2),
    ],
)
def test_many_devices_are_retagged_at_once(
    project: Project, mode: str, first: list[str], second: list[str], updated: int
) -> None:
    one, two = create(project, tags=["till"]), create(project)

    assert services.retag(devices=[one, two], mode=mode, tags=["eu"], now=NOW) == (updated, 2 - updated)
    assert (tags_of(one), tags_of(two)) == (first, second)


def test_removing_what_is_there_counts_as_a_change(project: Project) -> None:
    one, two = create(project, tags=["till", "eu"]), create(project, tags=["eu"])

    assert services.retag(devices=[one, two], mode="remove", tags=["till"], now=NOW) == (1, 1)
    assert (tags_of(one), tags_of(two)) == (["eu"], ["eu"])


def test_an_unknown_mode_is_refused_and_no_devices_are_no_work(project: Project) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        services.retag(devices=[create(project)], mode="shuffle", tags=["eu"], now=NOW)

    assert list(refusal.value.fields) == ["mode"]
    assert services.retag(devices=[], mode="add", tags=["eu"], now=NOW) == (0, 0)


def test_retagging_costs_the_same_for_one_and_for_many(
    project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    devices = [create(project) for _ in range(20)]

    # Savepoint twice, lock, read, read, forget twice, count, make, find, unlink, link, count.
    with django_assert_num_queries(13):
        services.retag(devices=devices[:1], mode="add", tags=["a"], now=NOW)
    with django_assert_num_queries(13):
        services.retag(devices=devices, mode="add", tags=["b"], now=NOW)


def test_more_tags_than_a_device_may_carry_are_refused_for_all(paid: Project) -> None:
    full = create(paid, tags=[f"t{index}" for index in range(20)])
    other = create(paid)

    with pytest.raises(PlanLimitError) as refusal:
        services.retag(devices=[other, full], mode="add", tags=["one-more"], now=NOW)

    assert refusal.value.message == "Plan limit reached. Your plan allows 20 tags per device."
    assert refusal.value.details == {"limit": "tagsPerDevice", "max": 20, "used": 20}
    assert (len(tags_of(full)), tags_of(other)) == (20, [])
    # Fewer is always allowed, also by a plan that shrank.
    Workspace.objects.update(limit_overrides={"tagsPerDevice": 5})
    assert services.retag(devices=[full], mode="remove", tags=["t0"], now=NOW) == (1, 0)


def test_more_different_tags_than_the_plan_allows_are_refused(paid: Project) -> None:
    Workspace.objects.update(limit_overrides={"tags": 3})
    one = create(paid, tags=["a", "b"])
    two = create(paid, tags=["c"])

    with pytest.raises(PlanLimitError) as refusal:
        services.set_tags(device=two, tags=["c", "d"], now=NOW)

    assert refusal.value.message == "Plan limit reached. Your plan allows 3 different tags."
    assert refusal.value.details == {"limit": "tags", "max": 3, "used": 3}
    assert tags_of(two) == ["c"]
    # A swap needs no room.
    assert services.set_tags(device=two, tags=["d"], now=NOW)
    assert (tags_of(one), Tag.objects.count()) == (["a", "b"], 3)


@pytest.mark.django_db(transaction=True)
def test_tags_written_at_once_are_all_there() -> None:
    project = make_project(make_workspace())
    devices = [create(project, tags=["old"]) for _ in range(4)]

    def swap(device: Device) -> bool:
        return services.set_tags(device=device, tags=["new", f"t{device.pk}"], now=NOW)

    outcomes = at_once(*(lambda device=device: swap(device) for device in devices))

    assert outcomes == [True] * 4
    assert [tags_of(device) for device in devices] == [["new", f"t{device.pk}"] for device in devices]
    assert Tag.objects.count() == 5
