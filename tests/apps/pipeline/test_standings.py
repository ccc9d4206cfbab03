from datetime import timedelta

import pytest
from django.db import transaction

from apps.devices.models import DeviceState
from apps.pipeline.standings import Standing, lock_standings
from tests.factories import NOW, make_device, make_project, make_workspace

CALM = {"state": "up", "rank": 0, "streak": 0, "announced": "", "severity": "", "cause": "", "failed_at": None}
RESTLESS = {
    "state": "warning",
    "streak": 1,
    "announced": "down",
    "severity": "critical",
    "cause": "timeout",
    "failed_at": NOW,
}


@pytest.fixture
def states(db):
    projects = [make_project(make_workspace(now=NOW), now=NOW) for _ in range(2)]
    devices = [make_device(project, f"till {number}", now=NOW) for number in range(3) for project in projects]
    DeviceState.objects.update(**CALM)
    return [DeviceState.objects.get(pk=device.pk) for device in devices]


@transaction.atomic
def standings(states, *, with_expiries=False):
    return lock_standings([state.pk for state in states], with_expiries=with_expiries)


def test_rows_are_found_in_the_order_of_every_writer(states) -> None:
    found = standings(states[1:][::-1])

    assert list(found) == sorted(state.pk for state in states[1:])
    assert list(found.values()) == [Standing(state.pk, state.workspace_id, True) for state in states[1:]]
    assert standings([]) == {}


@pytest.mark.parametrize("column", RESTLESS)
def test_whatever_a_success_would_take_back_is_not_calm(states, column: str) -> None:
    DeviceState.objects.filter(pk=states[0].pk).update(**{column: RESTLESS[column]})

    assert [each.is_calm for each in standings(states[:2]).values()] == [False, True]


def test_expiries_come_as_the_row_has_them(states) -> None:
    ends = {
        "certificate_expires_at": NOW + timedelta(days=30, microseconds=7),
        "certificate_issuer": "R11 ä",
        "domain_expires_at": NOW + timedelta(days=300),
    }
    DeviceState.objects.filter(pk=states[0].pk).update(**ends)
    one, other = standings(states[:2], with_expiries=True).values()

    assert one == Standing(states[0].pk, states[0].workspace_id, True, **ends)
    assert other == Standing(states[1].pk, states[1].workspace_id, True)
