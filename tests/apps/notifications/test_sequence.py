"""The e-mail half of every alert-rule vector, through the whole chain: change, verdict, event, delivery."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User
from apps.common.clock import iso_ms, parse_iso
from apps.devices.models import Device
from apps.incidents.models import IncidentEvent
from apps.notifications import services
from apps.notifications.models import Delivery
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import change, tell

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
