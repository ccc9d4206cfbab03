"""Incidents of rules about values leave the outbox like all others."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.types import Subject
from apps.common.values import Observation, Ref, SourceRef
from apps.devices.models import Device
from apps.incidents import services as incidents
from apps.incidents.models import Incident, IncidentEvent
from apps.notifications import services
from apps.notifications.models import Delivery
from apps.pipeline.samples import submit_samples
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import go_down
from tests.apps.notifications.conftest import mail_to
from tests.sinks.http import HttpSink
from tests.sinks.smtp import SmtpSink

START = datetime(2026, 5, 18, 12, 0, tzinfo=UTC)
NODE = Ref("node", 7)
CPU = Condition("cpu.ratio", "ge", 0.9, missing="clear")
OPENED, RESOLVED = "incident.opened", "incident.resolved"


def at(minute: float) -> datetime:
    return START + timedelta(minutes=minute)


def make_rule(workspace: Workspace, *, name: str = "CPU high", condition: Condition = CPU, **facts: Any) -> None:
    kind = facts.pop("kind", "node")
    alerts.create_rule(workspace=workspace, draft=RuleDraft(name, kind, (condition,), **facts), actor="ana", now=START)


def report(workspace: Workspace, minute: float, *, ref: Ref = NODE, **values: float) -> None:
    """One report of web-1, and whatever it means for the outbox."""
    named = {name.replace("_", ".", 1): value for name, value in values.items()}
    web = Subject(workspace.pk, ref, ref.id, "web-1")
    seen = Observation(workspace.pk, SourceRef(ref), at(minute), named)
    submit_samples(observations=[seen], subjects={ref: web}, now=at(minute))
    services.fan_out(now=at(minute), limit=10)


def planned(kind: str) -> list[tuple[str, str]]:
    rows = Delivery.objects.filter(kind=kind).order_by("id")
    return [(row.event_name, row.payload.get("subject") or row.payload["title"]) for row in rows]


def lines(mail: Any) -> list[str]:
    return mail.get_body(("plain",)).get_content().splitlines()


def test_a_bad_value_and_its_end_are_mailed_with_what_was_found(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    mail_to(workspace, "ops@acme.example")
    make_rule(workspace)
    report(workspace, 0, cpu_ratio=0.97)
    report(workspace, 1, cpu_ratio=0.5)

    services.deliver_due(now=at(2), limit=10)

    opened, over = smtp_sink.to("ops@acme.example")
    assert opened["Subject"] == "Alert: web-1: CPU use: 97 %, the limit is 90 %"
    assert over["Subject"] == "Recovered: web-1: CPU use: 50 %, the limit is 90 %"
    assert lines(opened)[:4] == [
        "CPU high on web-1.",
        "",
        "Cause: CPU use: 97 %, the limit is 90 %",
        "Since: 2026-05-18 12:00:00 UTC",
    ]
    assert lines(over)[:4] == [
        "CPU high on web-1 has recovered.",
        "",
        "At: 2026-05-18 12:01:00 UTC",
        "Lasted: 1 min",
    ]
    assert not IncidentEvent.objects.filter(fanned_out_at=None).exists()


def test_two_rules_of_one_subject_keep_their_own_cooldown(workspace: Workspace) -> None:
    mail_to(workspace, "ops@acme.example")
    make_rule(workspace)
    make_rule(workspace, name="Memory", condition=Condition("mem.ratio", "ge", 0.9, missing="hold"))
    report(workspace, 0, cpu_ratio=0.97, mem_ratio=0.1)
    report(workspace, 1, cpu_ratio=0.97, mem_ratio=0.95)
    report(workspace, 2, cpu_ratio=0.1, mem_ratio=0.95)
    report(workspace, 3, cpu_ratio=0.97, mem_ratio=0.95)

    assert [event for event, _ in planned("email")] == [OPENED, OPENED, RESOLVED]
    report(workspace, 40, cpu_ratio=0.2, mem_ratio=0.95)
    report(workspace, 41, cpu_ratio=0.98, mem_ratio=0.95)
    assert [event for event, _ in planned("email")][3:] == [RESOLVED, OPENED]


def test_a_slow_answer_does_not_swallow_the_word_that_a_monitor_is_down(device: Device) -> None:
    workspace = device.workspace
    mail_to(workspace, "ops@acme.example")
    make_rule(workspace, kind="device", condition=Condition("cert.days", "lt", 7, missing="hold"))
    report(workspace, 0, ref=Ref("device", device.pk), cert_days=3)
    go_down(device, at(1))
    services.fan_out(now=at(1), limit=10)

    assert [event for event, _ in planned("email")] == [OPENED, "down"]


@pytest.mark.parametrize(
    ("severity", "mails", "texts"), [("critical", 1, 1), ("warning", 1, 0), ("info", 0, 0)], ids=str
)
def test_a_telephone_rings_for_what_is_critical_alone(
    workspace: Workspace, severity: Any, mails: int, texts: int
) -> None:
    mail_to(workspace, "ops@acme.example")
    services.set_sms_rule(
        workspace=workspace,
        enabled=True,
        to="+491511234567",
        cooldown_minutes=1,
        overrides=None,
        actor="ana",
        now=START,
    )
    make_rule(workspace, severity=severity)
    report(workspace, 0, cpu_ratio=0.97)

    assert (len(planned("email")), len(planned("sms"))) == (mails, texts)


def test_what_ends_by_hand_or_is_over_at_once_is_not_mailed(workspace: Workspace) -> None:
    mail_to(workspace, "ops@acme.example")
    make_rule(workspace)
    make_rule(workspace, name="Cores", kind="container", condition=Condition("pids", "changed", missing="hold"))
    ref = Ref("container", 3)
    box = Subject(workspace.pk, ref, 3, "web", before={"pids": 1})
    seen = Observation(workspace.pk, SourceRef(ref), at(0), {"pids": 2})
    submit_samples(observations=[seen], subjects={ref: box}, now=at(0))
    report(workspace, 1, cpu_ratio=0.97)
    incidents.resolve(incident=Incident.objects.get(closed_at=None), actor="ana", now=at(2))
    services.fan_out(now=at(2), limit=10)

    assert [event for event, _ in planned("email")] == [OPENED]


def test_the_webhook_says_that_a_node_is_degraded_and_then_up(workspace: Workspace, hook: HttpSink) -> None:
    make_rule(workspace, severity="critical")
    report(workspace, 0, cpu_ratio=0.97)
    incidents.acknowledge(incident=Incident.objects.get(), actor="ana", user=None, now=at(0.5))
    report(workspace, 1, cpu_ratio=0.5)
    services.fan_out(now=at(2), limit=10)
    services.deliver_due(now=at(2), limit=10)

    told = [(got.json["event"], got.json["device"]) for got in hook.requests]
    node = {"id": None, "name": "web-1", "type": None}
    assert told == [
        (OPENED, node | {"status": "warning", "previousStatus": "up"}),
        ("incident.acknowledged", node | {"status": "warning", "previousStatus": None}),
        (RESOLVED, node | {"status": "up", "previousStatus": "warning"}),
    ]
    assert hook.requests[0].json["incident"]["severity"] == "critical"


def test_the_routing_of_a_project_hears_of_values_by_their_severity(device: Device) -> None:
    workspace, project = device.workspace, device.project
    channel = {"id": "ch_mail", "type": "email", "to": ["ops@acme.example"]}
    document = {"channels": [channel], "notifyOn": ["down", "up"]}
    services.set_alert_settings(project=project, document=document, actor="ana", now=START)
    ref = Ref("device", device.pk)
    days = Condition("cert.days", "lt", 7, missing="hold")
    make_rule(workspace, kind="device", condition=days)
    make_rule(workspace, name="Slow", kind="device", condition=replace(days, bound=3), severity="critical")
    for minute, left in enumerate((5, 2, 90)):
        about = Subject(workspace.pk, ref, device.pk, device.name, project_id=project.pk)
        seen = Observation(workspace.pk, SourceRef(ref), at(minute), {"cert.days": left})
        submit_samples(observations=[seen], subjects={ref: about}, now=at(minute))
        services.fan_out(now=at(minute), limit=10)

    place = "Till 1 (Berlin branch): Certificate, days left"
    assert planned("email") == [
        (OPENED, f"Alert: {place}: 2 d, the limit is 3 d"),
        (RESOLVED, f"Recovered: {place}: 90 d, the limit is 3 d"),
    ]
