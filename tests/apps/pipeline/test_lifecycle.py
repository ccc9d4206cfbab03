"""Pausing and forgetting: what hangs on a device goes with it, and nobody is told."""

from datetime import datetime, timedelta

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.models import RuleState, SubjectClock
from apps.checks.models import CheckRequest
from apps.checks.services import request_check
from apps.common.values import Ref
from apps.devices.models import Device, DeviceState
from apps.devices.services import renew_heartbeat_token
from apps.incidents.models import Incident
from apps.metrics.models import HeadRow, Source
from apps.pipeline.lifecycle import forget, set_paused
from apps.pipeline.services import submit
from apps.pipeline.windows import set_maintenance
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import Target
from apps.tokens.models import AgentKey
from tests.apps.checks.stored import rows_of
from tests.apps.pipeline.scene import make_device
from tests.apps.pipeline.test_services import fact

MINUTE = timedelta(minutes=1)


def test_a_paused_device_is_in_no_state_and_its_incident_closes_silently(device, now) -> None:
    submit(observations=[fact(device, now, "down")], now=now)

    set_paused(device=device, paused=True, now=now + MINUTE)

    device.refresh_from_db()
    assert (device.paused, device.enabled) == (True, False)
    assert DeviceState.objects.get().state == "unknown"
    incident = Incident.objects.get()
    assert (incident.closed_at, incident.close_reason) == (now + MINUTE, "paused")
    assert [(row.state, row.interval_ms) for row in rows_of(device)] == [("down", 60_000), ("unknown", 0)]


def test_after_resuming_trouble_is_news_again(device, now) -> None:
    submit(observations=[fact(device, now, "down")], now=now)
    set_paused(device=device, paused=True, now=now + MINUTE)
    set_paused(device=device, paused=False, now=now + 2 * MINUTE)

    submit(observations=[fact(device, now + 3 * MINUTE, "down")], now=now + 3 * MINUTE)

    assert Incident.objects.filter(closed_at__isnull=True).get().opened_at == now + 3 * MINUTE


def test_forgetting_takes_everything_that_hangs_on_a_device_and_nothing_else(project, heartbeat, now) -> None:
    stays = make_device(project, now=now)
    submit(observations=[fact(heartbeat, now, "down"), fact(stays, now, "down")], now=now)
    renew_heartbeat_token(device=heartbeat, now=now)
    target = Target(workspace_id=project.workspace_id, ref=heartbeat.ref)
    set_maintenance(target=target, starts_at=now, ends_at=None, now=now)
    request_check(device=stays, now=now)
    ref = Ref("device", heartbeat.pk)

    assert forget(ref=ref, now=now + MINUTE)
    assert not forget(ref=ref, now=now + MINUTE)

    assert list(Device.objects.values_list("pk", flat=True)) == [stays.pk]
    assert (AgentKey.objects.count(), MaintenanceWindow.objects.count()) == (0, 0)
    assert list(Source.objects.values_list("ref", flat=True)) == [str(stays.pk)]
    assert HeadRow.objects.count() == 1
    assert CheckRequest.objects.count() == 1
    closed = Incident.objects.get(subject_id=ref.id)
    assert (closed.closed_at, closed.close_reason) == (now + MINUTE, "subject_deleted")
    assert Incident.objects.get(subject_id=stays.pk).closed_at is None


def slow(device: Device, now: datetime) -> None:
    """A rule about the device's response time, and a result that is over it."""
    draft = RuleDraft("Slow", "device", (Condition("latency_us", "gt", 1_000),))
    alerts.create_rule(workspace=device.project.workspace, draft=draft, actor="ana", now=now)
    submit(observations=[fact(device, now)], now=now)


def test_pausing_forgets_where_rules_stand_so_that_trouble_is_news_after_resuming(device, now) -> None:
    slow(device, now)
    set_paused(device=device, paused=True, now=now + MINUTE)
    assert (Incident.objects.get().close_reason, RuleState.objects.count()) == ("paused", 0)
    set_paused(device=device, paused=False, now=now + 2 * MINUTE)

    submit(observations=[fact(device, now + 3 * MINUTE)], now=now + 3 * MINUTE)

    assert Incident.objects.get(closed_at=None).opened_at == now + 3 * MINUTE


def test_forgetting_a_device_forgets_where_rules_stand_with_it(device, now) -> None:
    slow(device, now)

    forget(ref=Ref("device", device.pk), now=now + MINUTE)

    assert Incident.objects.get().close_reason == "subject_deleted"
    assert not RuleState.objects.exists()
    assert not SubjectClock.objects.exists()
