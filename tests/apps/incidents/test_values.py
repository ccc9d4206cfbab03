"""Incidents of rules about values, and news that is no trouble."""

from dataclasses import replace

import pytest

from apps.alerts.models import AlertRule
from apps.alerts.selectors import rule_by_number
from apps.alerts.types import Verdict
from apps.common.values import Ref
from apps.incidents import services
from apps.incidents.models import Incident, IncidentEvent
from apps.incidents.notices import add_notice
from apps.workspaces.models import Workspace
from tests.apps.incidents.scene import T0, make_workspace, minutes

NODE = Ref("node", 7)


@pytest.fixture
def rule(db: None) -> AlertRule:
    return rule_by_number(make_workspace(), -2)


def verdict(rule: AlertRule, kind: str = "bad", *, at: float = 0, value: float = 2, **facts) -> Verdict:
    fields = {
        "workspace_id": rule.workspace_id,
        "rule_id": rule.pk,
        "ref": NODE,
        "at": minutes(at),
        "kind": kind,
        "severity": "critical",
        "cause": "raid.failed",
        "cause_text": "Failed RAID members is 2, the limit is 1",
        "before": None,
        "after": None,
        "in_maintenance": False,
        "name": "web-1",
        "project_id": None,
        "title": "RAID failed on web-1",
        "metric": "raid.failed",
        "value": value,
        "threshold": 1,
        "generation": 1,
        "observed_at": minutes(at - 1),
        "pending_since": minutes(at - 2),
    }
    return Verdict(**(fields | facts))


def apply(*verdicts: Verdict) -> list[Incident]:
    return services.apply(verdicts=verdicts, now=verdicts[-1].at)


def kinds() -> list[str]:
    return list(IncidentEvent.objects.order_by("id").values_list("kind", flat=True))


def test_a_bad_verdict_opens_with_its_numbers_and_a_good_one_closes(rule: AlertRule) -> None:
    apply(verdict(rule))
    apply(verdict(rule, "ok", at=5, value=0))

    incident = Incident.objects.get()
    assert (incident.title, incident.metric, incident.threshold) == ("RAID failed on web-1", "raid.failed", 1)
    assert (incident.value, incident.generation, incident.state) == (0, 1, "")
    assert (incident.opened_at, incident.closed_at, incident.close_reason) == (T0, minutes(5), "condition_cleared")
    assert kinds() == ["opened", "closed"]
    detail = IncidentEvent.objects.earliest("id").detail
    assert (detail["value"], detail["threshold"], detail["metric"]) == (2, 1, "raid.failed")
    assert detail["pending_since"] == minutes(-2).isoformat()
    assert (detail["before"], detail["after"]) == (None, None)


def test_lasting_trouble_takes_over_newer_values_and_leaves_no_event(rule: AlertRule) -> None:
    apply(verdict(rule))
    apply(verdict(rule, at=1, value=3))
    apply(verdict(rule, at=0.5, value=9))

    incident = Incident.objects.get()
    assert (incident.value, incident.last_seen_at, incident.opened_at) == (3, minutes(1), T0)
    assert kinds() == ["opened"]


def test_verdicts_of_one_batch_end_as_if_they_had_come_one_by_one(rule: AlertRule) -> None:
    apply(verdict(rule), verdict(rule, at=1, value=3), verdict(rule, "ok", at=2, value=0), verdict(rule, at=3, value=5))

    first, second = Incident.objects.order_by("number")
    assert (first.number, first.value, first.closed_at) == (1, 0, minutes(2))
    assert (second.number, second.value, second.closed_at) == (2, 5, None)
    apply(verdict(rule, "ok", at=4, value=0), verdict(rule, at=5, value=7), verdict(rule, at=6, value=8))
    second.refresh_from_db()
    third = Incident.objects.get(closed_at=None)
    assert (second.closed_at, third.number, third.value, third.last_seen_at) == (minutes(4), 3, 8, minutes(6))
    assert kinds() == ["opened", "closed", "opened", "closed", "opened"]


def test_the_same_verdicts_told_again_change_nothing(rule: AlertRule) -> None:
    history = [verdict(rule), verdict(rule, "ok", at=5), verdict(rule, at=9)]
    apply(*history)
    before = list(Incident.objects.order_by("id").values())

    apply(*history)

    assert list(Incident.objects.order_by("id").values()) == before
    assert kinds() == ["opened", "closed", "opened"]


def test_only_a_cleared_condition_speaks(rule: AlertRule) -> None:
    apply(verdict(rule))
    apply(verdict(rule, "gone", at=5, reason="stale", value=None))

    incident = Incident.objects.get()
    assert (incident.close_reason, incident.closed_at, incident.value) == ("stale", minutes(5), 2)
    opened, closed = IncidentEvent.objects.order_by("id")
    assert opened.fanned_out_at is None
    assert (closed.detail, closed.fanned_out_at) == ({"reason": "stale"}, minutes(5))


def test_withdrawing_what_is_not_open_leaves_nothing(rule: AlertRule) -> None:
    assert apply(verdict(rule, "gone", reason="unmounted")) == []
    assert kinds() == []


def test_a_good_verdict_without_trouble_before_it_leaves_nothing(rule: AlertRule) -> None:
    assert apply(verdict(rule, "ok")) == []
    assert kinds() == []


def test_one_incident_is_open_per_rule_and_subject(rule: AlertRule) -> None:
    other = rule_by_number(rule.workspace_id, -3)
    apply(
        verdict(rule),
        verdict(rule, at=1),
        verdict(other),
        verdict(rule, ref=Ref("node", 8)),
        verdict(rule, ref=Ref("container", 7)),
    )

    assert Incident.objects.filter(closed_at=None).count() == 4


def test_closing_a_rule_ends_what_it_has_open_and_nothing_else(rule: AlertRule) -> None:
    other = rule_by_number(rule.workspace_id, -3)
    apply(verdict(rule), verdict(rule, ref=Ref("node", 8)), verdict(other))

    one = services.close_of_rules(rules=[rule.pk], reason="unmounted", refs=[NODE], now=minutes(2))
    rest = services.close_of_rules(rules=[rule.pk], reason="rule_disabled", now=minutes(3))

    assert [(incident.subject_id, incident.close_reason) for incident in [*one, *rest]] == [
        (7, "unmounted"),
        (8, "rule_disabled"),
    ]
    assert Incident.objects.get(closed_at=None).rule == other
    assert not IncidentEvent.objects.filter(kind="closed", fanned_out_at=None).exists()


def tell(rule: AlertRule, cause: str = "address", *, at: float = 0) -> Incident | None:
    return add_notice(
        rule=rule,
        ref=NODE,
        name="web-1",
        project_id=None,
        title="web-1 has a new address",
        cause=cause,
        cause_text="203.0.113.7 became 203.0.113.8",
        at=minutes(at),
        now=minutes(at),
    )


def test_a_notice_is_an_incident_that_is_born_closed_and_told(rule: AlertRule) -> None:
    changed = rule_by_number(rule.workspace_id, -8)

    incident = tell(changed)

    assert (incident.severity, incident.opened_at, incident.closed_at) == ("info", T0, T0)
    assert (incident.close_reason, incident.title) == ("notice", "web-1 has a new address")
    event = IncidentEvent.objects.get()
    assert (event.kind, event.detail["notice"], event.fanned_out_at) == ("opened", True, None)


def test_a_notice_told_again_is_one_and_two_at_one_instant_are_two(rule: AlertRule) -> None:
    changed = rule_by_number(rule.workspace_id, -8)

    told = [tell(changed), tell(changed), tell(changed, "hostname"), tell(changed, at=1)]

    assert [incident is None for incident in told] == [False, True, False, False]
    assert Incident.objects.count() == 3


def test_a_notice_closes_no_trouble_that_is_open(rule: AlertRule) -> None:
    apply(verdict(rule))

    tell(rule)

    assert Incident.objects.filter(closed_at=None).count() == 1


def test_a_rule_that_is_off_gives_no_notice(rule: AlertRule) -> None:
    changed = rule_by_number(rule.workspace_id, -8)
    changed.enabled = False

    assert tell(changed) is None
    assert not Incident.objects.exists()


def test_a_notice_inside_a_maintenance_window_is_not_given(rule: AlertRule) -> None:
    assert apply(replace(verdict(rule, "notice"), in_maintenance=True)) == []
    assert not Incident.objects.exists()


def test_another_workspace_keeps_what_it_has_open(rule: AlertRule) -> None:
    elsewhere: Workspace = make_workspace("other")
    foreign = rule_by_number(elsewhere, -2)
    apply(verdict(foreign))

    apply(verdict(rule, "ok"))
    services.close_of_rules(rules=[rule.pk], reason="rule_updated", now=T0)

    assert Incident.objects.get().closed_at is None
