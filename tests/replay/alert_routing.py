"""dashmon_alert_routing.json: one incident under a project's routing."""

from typing import Any

from apps.common.clock import iso_ms, parse_iso
from apps.notifications.routing import Forecast, Notice, forecast
from apps.notifications.routing.document import policy_of
from tests.replay.difference import expect

Case = dict[str, Any]


def replay(_document: Case, case: Case) -> None:
    """The whole story at once, as the preview of the routing editor tells it."""
    incident = case["incident"]
    story = forecast(
        policy_of(case["settings"]),
        opened_at=parse_iso(incident["openedAt"]),
        severity=incident["severity"],
        acknowledged_at=parse_iso(incident["acknowledgedAt"]) if incident["acknowledgedAt"] else None,
        resolved_at=parse_iso(incident["resolvedAt"]) if incident["resolvedAt"] else None,
    )
    told = {"sent": [_spelled(notice) for notice in story.sent], "skipped": _unstaffed(story)}
    wanted = [skip for skip in case["expect"]["skipped"] if skip["reason"] == "no_one_on_call"]
    expect(told, {"sent": case["expect"]["sent"], "skipped": sorted(map(_place, wanted))})


def _spelled(notice: Notice) -> Case:
    spelled: Case = {"at": iso_ms(notice.at), "recipient": notice.recipient, "kind": notice.kind}
    if notice.kind == "open":
        spelled |= {"step": notice.step, "loop": notice.loop}
    return spelled


def _unstaffed(story: Forecast) -> list[tuple[str, int, int]]:
    """The other reasons are advice; this one is promised."""
    return sorted(
        _place({"at": iso_ms(skip.at), "step": skip.step, "loop": skip.loop})
        for skip in story.skipped
        if skip.reason == "no_one_on_call"
    )


def _place(skip: Case) -> tuple[str, int, int]:
    return skip["at"], skip["step"], skip["loop"]


CASES = {"dashmon_alert_routing": replay}
