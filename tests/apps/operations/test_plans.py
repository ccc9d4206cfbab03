from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from apps.audit.models import AuditEntry
from apps.devices.models import Device, DeviceState
from apps.operations.plans import change_plan, lapse_ended_terms
from apps.workspaces.models import Workspace
from apps.workspaces.usage import plan_of
from tests.factories import NOW, make_device, make_project, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def _service(settings: Settings) -> None:
    settings.PROFILE = "saas"


def change(workspace: Workspace, plan: str, **rest: Any) -> Workspace:
    return change_plan(
        workspace=workspace, plan=Workspace.Plan(plan), source="admin", actor="operator", now=NOW, **rest
    )


def ending(when: timedelta) -> Workspace:
    """A Premium workspace whose term ends so long after now, with a monitor of a Premium kind."""
    workspace = make_workspace()
    make_device(make_project(workspace), kind="dns")
    Workspace.objects.filter(pk=workspace.pk).update(premium_until=NOW + when)
    return workspace


def paused(workspace: Workspace) -> list[bool]:
    return list(Device.objects.of(workspace).values_list("paused", flat=True))


def test_a_new_plan_is_in_force_at_once_with_what_follows_from_it() -> None:
    workspace = make_workspace()
    project = make_project(workspace)
    http, dns = make_device(project, interval_s=900), make_device(project, kind="dns")
    DeviceState.objects.filter(device=dns).update(state="down", rank=3)

    change(workspace, "free")

    http.refresh_from_db()
    dns.refresh_from_db()
    assert (http.interval_s, http.paused) == (7200, False)
    assert (dns.paused, dns.pause_reason) == (True, "premium_required")
    # What is paused is in no state, as after a pause by hand.
    assert DeviceState.objects.get(device=dns).state == "unknown"
    entry = AuditEntry.objects.of(workspace).get(verb="workspace.plan")
    assert (entry.actor, entry.changes) == ("operator", {"plan": ["premium", "free"]})

    change(workspace, "premium", premium_until=NOW + DAY)

    http.refresh_from_db()
    dns.refresh_from_db()
    assert (http.interval_s, dns.paused, dns.pause_reason) == (900, False, "")
    stored = Workspace.objects.get(pk=workspace.pk)
    assert (stored.plan, stored.plan_status, stored.plan_source) == ("premium", "active", "admin")
    assert stored.premium_until == NOW + DAY


def test_a_term_that_ended_lapses_with_its_last_instant_and_once() -> None:
    ended, running = ending(timedelta(0)), ending(timedelta(microseconds=1))
    forever = make_workspace()

    assert lapse_ended_terms(now=NOW) == 1
    assert lapse_ended_terms(now=NOW) == 0

    assert (paused(ended), paused(running)) == ([True], [False])
    stored = Workspace.objects.get(pk=ended.pk)
    assert (stored.plan_status, plan_of(stored, now=NOW)) == ("canceled", "free")
    assert Workspace.objects.get(pk=forever.pk).plan_status == "active"
    entry = AuditEntry.objects.of(ended).get(verb="workspace.plan")
    assert (entry.actor, entry.changes) == ("term", {"plan": ["premium", "free"]})


def test_the_sweep_takes_the_longest_ended_first_and_no_more_than_it_is_told() -> None:
    late, early = ending(-DAY), ending(-2 * DAY)

    assert lapse_ended_terms(now=NOW, limit=1) == 1

    assert (paused(early), paused(late)) == ([True], [False])
    assert lapse_ended_terms(now=NOW, limit=1) == 1


def test_a_term_renewed_between_the_look_and_the_write_does_not_lapse(monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.operations import plans

    workspace = ending(-DAY)
    look = plans._lapse

    def renew_first(pk: int, **rest: Any) -> bool:
        Workspace.objects.filter(pk=pk).update(premium_until=NOW + DAY)
        return look(pk, **rest)

    monkeypatch.setattr(plans, "_lapse", renew_first)

    assert lapse_ended_terms(now=NOW) == 0
    assert paused(workspace) == [False]
    assert Workspace.objects.get(pk=workspace.pk).plan_status == "active"


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_lapse_a_term_once() -> None:
    workspace = ending(-DAY)

    outcomes = at_once(lambda: lapse_ended_terms(now=NOW), lambda: lapse_ended_terms(now=NOW))

    assert sorted(outcomes, key=str) == [0, 1]
    assert AuditEntry.objects.of(workspace).filter(verb="workspace.plan").count() == 1
