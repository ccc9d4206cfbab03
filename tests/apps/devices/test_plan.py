import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from apps.common.errors import (
    PremiumRequiredError,
)
from apps.devices import services
from apps.devices.models import Device
from apps.projects.models import Project
from tests.apps.devices.making import LATER, create, set_plan, update
from tests.factories import NOW, make_project, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db


def test_a_pause_by_hand_stops_checks_until_it_is_taken_back(project: Project) -> None:
    device = create(project)

    services.set_paused(device=device, paused=True, now=LATER)
    stored = Device.objects.get()
    assert (stored.paused, stored.pause_reason, stored.enabled, stored.updated_at) == (True, "manual", False, LATER)

    services.set_paused(device=device, paused=False, now=LATER)
    stored = Device.objects.get()
    assert (stored.paused, stored.pause_reason, stored.enabled) == (False, "", True)


def test_a_resumed_heartbeat_is_still_nobodys_to_probe(project: Project) -> None:
    device = create(project, "heartbeat", paused=True)

    assert not services.set_paused(device=device, paused=False, now=NOW).enabled


def test_nobody_resumes_on_free_what_needs_premium(paid: Project) -> None:
    by_plan, by_hand = create(paid, "dns"), create(paid, "heartbeat", paused=True)
    services.fit_to_plan(workspace=set_plan(paid.workspace, "free"), now=NOW)

    for device in (by_plan, by_hand):
        for resume in (
            lambda device=device: services.set_paused(device=device, paused=False, now=NOW),
            lambda device=device: update(device, device.kind, paused=False),
        ):
            with pytest.raises(PremiumRequiredError):
                resume()

    assert Device.objects.filter(paused=True).count() == 2


def test_sending_back_a_pause_keeps_its_reason(paid: Project) -> None:
    device = create(paid, "dns")
    services.fit_to_plan(workspace=set_plan(paid.workspace, "free"), now=NOW)

    update(device, "dns", paused=True)

    assert Device.objects.get().pause_reason == "premium_required"


def test_what_no_longer_needs_premium_runs_on(paid: Project) -> None:
    device = create(paid, "dns")
    services.fit_to_plan(workspace=set_plan(paid.workspace, "free"), now=NOW)

    update(device, "http")

    stored = Device.objects.get()
    assert (stored.paused, stored.pause_reason, stored.enabled) == (False, "", True)


def test_a_lapse_slows_checks_down_and_pauses_premium_monitors(paid: Project) -> None:
    plain, slow = create(paid, interval_s=900), create(paid, interval_s=86_400)
    dns, heartbeat, by_hand = create(paid, "dns"), create(paid, "heartbeat"), create(paid, "dns", paused=True)
    synthetic, switched_off = create(paid), create(paid)
    Device.objects.filter(pk=synthetic.pk).update(synthetic={"enabled": True})
    Device.objects.filter(pk=switched_off.pk).update(synthetic={"enabled": False})

    fit = services.fit_to_plan(workspace=set_plan(paid.workspace, "free"), now=NOW)

    shown = {device.pk: (device.interval_s, device.pause_reason, device.enabled) for device in Device.objects.all()}
    assert shown[plain.pk] == (7200, "", True)
    assert shown[slow.pk] == (86_400, "", True)
    assert shown[dns.pk] == (7200, "premium_required", False)
    assert shown[heartbeat.pk] == (7200, "premium_required", False)
    assert shown[by_hand.pk] == (7200, "manual", False)
    assert shown[synthetic.pk] == (7200, "premium_required", False)
    assert shown[switched_off.pk] == (7200, "", True)
    assert (fit.changed, set(fit.paused), fit.resumed) == (6, {dns, heartbeat, synthetic}, ())
    assert all(device.phase_ms < device.interval_s * 1000 for device in Device.objects.all())


def test_the_next_term_brings_everything_back_but_pauses_by_hand(paid: Project) -> None:
    plain, dns, by_hand = create(paid, interval_s=1200), create(paid, "dns"), create(paid, paused=True)
    services.fit_to_plan(workspace=set_plan(paid.workspace, "free"), now=NOW)

    fit = services.fit_to_plan(workspace=set_plan(paid.workspace, "premium"), now=NOW)

    shown = {device.pk: (device.interval_s, device.paused) for device in Device.objects.all()}
    assert shown == {plain.pk: (1200, False), dns.pk: (900, False), by_hand.pk: (900, True)}
    assert (fit.changed, fit.paused, fit.resumed) == (3, (), (dns,))


def test_following_twice_changes_nothing_and_foreign_devices_are_left_alone(
    paid: Project, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(5):
        create(paid)
    foreign = create(make_project(make_workspace()), "dns")
    workspace = set_plan(paid.workspace, "free")

    with django_assert_max_num_queries(6):
        assert services.fit_to_plan(workspace=workspace, now=NOW).changed == 5
    assert services.fit_to_plan(workspace=workspace, now=NOW).changed == 0

    foreign.refresh_from_db()
    assert (foreign.interval_s, foreign.paused) == (900, False)


@pytest.mark.django_db(transaction=True)
def test_a_lapse_and_an_update_at_once_leave_nothing_premium_running(settings: Settings) -> None:
    settings.PROFILE = "saas"
    project = make_project(make_workspace())
    device = create(project, "dns", interval_s=900)
    workspace = set_plan(project.workspace, "free")

    at_once(lambda: services.fit_to_plan(workspace=workspace, now=NOW), lambda: update(device, "dns"))

    stored = Device.objects.get()
    assert (stored.paused, stored.pause_reason, stored.interval_s) == (True, "premium_required", 7200)
