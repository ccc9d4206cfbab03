"""dashmon_alert_rules.json: the changes of one device folded through the workspace's rules."""

from datetime import datetime
from typing import Any

from apps.common.clock import iso_ms, parse_iso
from apps.notifications.workspace_rules import EmailRule, Memory, Notice, SmsOverride, SmsRule, notices
from tests.replay.difference import expect

Case = dict[str, Any]


def replay(_document: Case, case: Case) -> None:
    """Every check in turn; the status before it is the one of the check before, in maintenance or not."""
    rules = _rules(case["rules"])
    memories = [Memory() for _ in rules]
    before, sent = case["initialStatus"], list[Notice]()
    for check in case["checks"]:
        at = parse_iso(check["ts"])
        for index, rule in enumerate(rules):
            new, memories[index] = notices(
                rule,
                memories[index],
                before=before,
                after=check["status"],
                at=at,
                in_maintenance=_in_window(case["maintenance"], at),
                project_id=case["projectId"],
                owner_email=case["ownerEmail"],
            )
            sent += new
        before = check["status"]
    ordered = sorted(sent, key=lambda notice: (notice.at, notice.channel, notice.to))
    expect({"sent": [_spelled(notice) for notice in ordered]}, case["expect"])


def _rules(rules: Case) -> list[EmailRule | SmsRule]:
    read: list[EmailRule | SmsRule] = []
    if email := rules.get("email"):
        read.append(EmailRule(email["enabled"], email["cooldownMinutes"], tuple(email["to"])))
    if sms := rules.get("sms"):
        overrides = {
            project: SmsOverride(override["enabled"], override["to"])
            for project, override in sms.get("projectOverrides", {}).items()
        }
        read.append(SmsRule(sms["enabled"], sms["cooldownMinutes"], sms["to"], overrides))
    return read


def _in_window(windows: list[Case], at: datetime) -> bool:
    return any(
        parse_iso(window["start"]) <= at and (window["end"] is None or at <= parse_iso(window["end"]))
        for window in windows
    )


def _spelled(notice: Notice) -> Case:
    return {"at": iso_ms(notice.at), "channel": notice.channel, "event": notice.event, "to": notice.to}


CASES = {"dashmon_alert_rules": replay}
