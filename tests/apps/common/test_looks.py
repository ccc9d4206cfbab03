from datetime import UTC, datetime, timedelta

import pytest

from apps.common.looks import Look
from apps.devices.models import DeviceState
from apps.workspaces.selectors import closed_workspaces
from tests.factories import make_device, make_project, make_workspace

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


@Look
def due(now):
    return DeviceState.objects.filter(due_at__lte=now).exclude(workspace__in=closed_workspaces())


@pytest.fixture
def state(db):
    device = make_device(make_project(make_workspace(now=NOW), now=NOW), kind="heartbeat", now=NOW)
    DeviceState.objects.filter(pk=device.pk).update(due_at=NOW)
    return DeviceState.objects.get(pk=device.pk)


def test_it_finds_what_is_due_at_the_instant_of_each_question(state) -> None:
    for instant in (NOW - timedelta(microseconds=1), NOW, NOW + timedelta(days=400), NOW - timedelta(days=4000)):
        assert due.finds_any(instant) == due(instant).exists() == (instant >= NOW)


def test_every_question_is_a_new_one(state) -> None:
    assert due.finds_any(NOW)
    state.workspace.closed_at = NOW
    state.workspace.save()
    assert not due.finds_any(NOW)
    state.workspace.closed_at = None
    state.workspace.save()
    DeviceState.objects.update(due_at=None)
    assert not due.finds_any(NOW)


def test_it_takes_one_statement_which_is_the_same_each_time(state, django_assert_num_queries) -> None:
    with django_assert_num_queries(2) as seen:
        due.finds_any(NOW)
        due.finds_any(NOW)
    assert len({query["sql"] for query in seen}) == 1


def test_a_condition_without_an_instant_is_fine(state) -> None:
    waiting = Look(lambda _: DeviceState.objects.filter(due_at__isnull=False))
    assert waiting.finds_any(NOW)
    DeviceState.objects.update(due_at=None)
    assert not waiting.finds_any(NOW)
