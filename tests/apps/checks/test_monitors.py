"""A configuration that is kept is never an outdated one, whoever changed the row."""

from typing import Any

import pytest
from django.db import connection

from apps.checks import monitors
from apps.checks.monitors import enabled_monitors
from apps.devices.models import Device
from tests.apps.pipeline.scene import make_device

ON_POSTGRES = pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite reads every time")


@pytest.fixture
def devices(project, now) -> list[Device]:
    return [make_device(project, now=now, url=f"https://{index}.example/") for index in range(3)]


def test_every_change_is_seen_by_the_next_look(devices) -> None:
    first, second, third = devices
    ids = [device.pk for device in devices]
    before = enabled_monitors(ids)
    assert [before[pk].url for pk in ids] == ["https://0.example/", "https://1.example/", "https://2.example/"]

    Device.objects.filter(pk=first.pk).update(url="https://moved.example/")
    Device.objects.filter(pk=first.pk).update(synthetic={"enabled": True})
    Device.objects.filter(pk=second.pk).update(enabled=False)
    third.delete()
    after = enabled_monitors(ids)

    assert list(after) == [first.pk]
    assert after[first.pk].url == "https://moved.example/"
    assert after[first.pk].synthetic is not None


def test_a_row_that_is_enabled_again_is_read_as_it_is_then(devices) -> None:
    pk = devices[0].pk
    enabled_monitors([pk])
    Device.objects.filter(pk=pk).update(enabled=False, interval_s=30)
    assert enabled_monitors([pk]) == {}
    Device.objects.filter(pk=pk).update(enabled=True)

    assert enabled_monitors([pk])[pk].interval_s == 30


@ON_POSTGRES
def test_what_did_not_change_costs_one_look_at_versions(devices, django_assert_num_queries) -> None:
    ids = [device.pk for device in devices]
    before = enabled_monitors(ids)
    with django_assert_num_queries(1):
        again = enabled_monitors(ids)

    assert all(again[pk] is before[pk] for pk in ids)
    Device.objects.filter(pk=ids[0]).update(interval_s=90)
    with django_assert_num_queries(2):
        changed = enabled_monitors(ids)
    assert changed[ids[0]].interval_s == 90
    assert changed[ids[1]] is before[ids[1]]


@ON_POSTGRES
def test_what_is_kept_is_bounded(devices, monkeypatch: pytest.MonkeyPatch) -> None:
    kept: dict[int, Any] = {}
    monkeypatch.setattr(monitors, "_kept", kept)
    monkeypatch.setattr(monitors, "TARGETS_KEPT", 2)
    for device in devices:
        enabled_monitors([device.pk])

    assert len(kept) <= 2
