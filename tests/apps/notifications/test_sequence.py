"""The e-mail half of every alert-rule vector, through the whole chain: change, verdict, event, delivery."""

import json
from contextlib import nullcontext
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest

from apps.accounts.models import User
from apps.common.clock import iso_ms, parse_iso
from apps.common.errors import InvalidInputError
from apps.devices.models import Device
from apps.incidents.models import IncidentEvent
from apps.notifications import services
from apps.notifications.models import Delivery
from apps.notifications.workspace_rules import E164
from apps.workspaces.models import Workspace
from dashmon.environment import sms_provider
from tests import factories
from tests.apps.incidents.scene import change, tell
from tests.sinks.http import HttpSink
from tests.sinks.smtp import SmtpSink

VECTORS = Path(__file__).parents[2] / "vectors" / "dashmon_alert_rules.json"
CASES = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]


def befall(device: Device, case: dict[str, Any], *, repeat: bool = False) -> None:
    """Hand in what the pipeline would: a change wherever the status differs from the one before."""
    windows = [
        (parse_iso(window["start"]), parse_iso(window["end"]) if window["end"] else None)
        for window in case["maintenance"]
    ]
    before = case["initialStatus"]
    for check in case["checks"]:
        at, after = parse_iso(check["ts"]), check["status"]
        if after != before:
            silenced = any(start <= at and (end is None or at <= end) for start, end in windows)
            told = change(device, before, after, at, in_maintenance=silenced)
            for _ in range(2 if repeat else 1):
                tell(told)
            services.fan_out(now=at + timedelta(seconds=1), limit=100)
        before = after


def set_rule(workspace: Workspace, case: dict[str, Any]) -> None:
    User.objects.update(email=case["ownerEmail"])
    rule = case["rules"].get("email")
    if rule is not None:
        services.set_email_rule(
            workspace=workspace,
            enabled=rule["enabled"],
            cooldown_minutes=rule["cooldownMinutes"],
            to=rule["to"],
            actor="owner",
            now=parse_iso(case["checks"][0]["ts"]),
        )


def planned(workspace: Workspace) -> list[tuple[str, str, str]]:
    rows = Delivery.objects.of(workspace).order_by("occurred_at", "recipient")
    return [(iso_ms(row.occurred_at), row.event_name, row.recipient) for row in rows if row.occurred_at]


def expected(case: dict[str, Any]) -> list[tuple[str, str, str]]:
    sent = [notice for notice in case["expect"]["sent"] if notice["channel"] == "email"]
    return [(notice["at"], notice["event"], notice["to"]) for notice in sent]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_a_sequence_of_states_leads_to_the_expected_mails(workspace: Workspace, device: Device, case: Any) -> None:
    set_rule(workspace, case)

    befall(device, case)

    assert planned(workspace) == expected(case)
    assert not IncidentEvent.objects.of(workspace).filter(fanned_out_at__isnull=True).exists()


@pytest.fixture
def phones(http_sink: HttpSink, settings: Any) -> HttpSink:
    """A provider of text messages."""
    settings.SMS = sms_provider(f"twilio://AC1:token@127.0.0.1:{http_sink.port}/?from=%2B15551230000&scheme=http")
    return http_sink


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_mails_and_texts_arrive_at_real_servers(
    device: Device, smtp_sink: SmtpSink, phones: HttpSink, case: Any
) -> None:
    set_rule(device.workspace, case)
    set_sms_rule(device, case)
    befall(device, case)
    services.deliver_due(now=parse_iso(case["checks"][-1]["ts"]) + timedelta(days=1), limit=100)

    forms = [parse_qs(got.body.decode()) for got in phones.requests]
    arrived = [("email", word(message["Subject"]), to) for to, message in smtp_sink.messages]
    arrived += [("sms", word(form["Body"][0]), form["To"][0]) for form in forms]
    wanted = [(notice["channel"], notice["event"], notice["to"]) for notice in case["expect"]["sent"]]
    assert sorted(arrived) == sorted(wanted)


def word(said: str) -> str:
    return said.partition(":")[0].lower()


def set_sms_rule(device: Device, case: Any) -> None:
    """The text half of a case; a number that is none is refused at the door already."""
    rule = case["rules"].get("sms")
    if rule is None:
        return
    device.project.key = case["projectId"]
    device.project.save()
    overrides = rule.get("projectOverrides", {})
    for key in overrides.keys() - {case["projectId"]}:
        factories.make_project(device.workspace, key)
    refused = rule["enabled"] and not E164.fullmatch(rule["to"].replace(" ", ""))
    with pytest.raises(InvalidInputError) if refused else nullcontext():
        services.set_sms_rule(
            workspace=device.workspace,
            enabled=rule["enabled"],
            to=rule["to"],
            cooldown_minutes=rule["cooldownMinutes"],
            overrides=overrides,
            actor="owner",
            now=parse_iso(case["checks"][0]["ts"]),
        )


@pytest.mark.parametrize("case", CASES[:8], ids=lambda case: case["id"])
def test_facts_told_twice_lead_to_the_same_mails(workspace: Workspace, device: Device, case: Any) -> None:
    set_rule(workspace, case)

    befall(device, case, repeat=True)

    assert planned(workspace) == expected(case)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_planning_late_and_all_at_once_changes_nothing(workspace: Workspace, device: Device, case: Any) -> None:
    set_rule(workspace, case)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(services, "fan_out", lambda **_: 0)
        befall(device, case)
    assert Delivery.objects.of(workspace).count() == 0

    services.fan_out(now=parse_iso(case["checks"][-1]["ts"]), limit=100)

    assert planned(workspace) == expected(case)
