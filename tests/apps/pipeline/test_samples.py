"""The door for reports of nodes and containers: rules judge, incidents follow, together or not at all."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, transaction

from apps.alerts import services as alerts
from apps.alerts.conditions import Condition
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule, RuleState, SubjectClock
from apps.alerts.types import Subject
from apps.api.dash.alert_rules import reason_of
from apps.api.nezha.alert_rules import read_form
from apps.common.values import Observation, Ref, SourceRef
from apps.incidents import services as incidents
from apps.incidents.models import Incident, IncidentEvent
from apps.pipeline import rules
from apps.pipeline.samples import submit_samples, sweep_silence
from apps.workspaces.models import Workspace
from tests import factories
from tests.apps.pipeline.dash_server import DashServer
from tests.replay.nezha_alert_rules import sample_at
from tests.together import at_once

VECTORS = Path(__file__).parents[2] / "vectors"
START = datetime(2026, 5, 18, 12, 0, tzinfo=UTC)
CPU = Condition("cpu.ratio", "ge", 0.9, missing="clear")
GOOD, BAD = {"cpu.ratio": 0.5}, {"cpu.ratio": 0.95}


@pytest.fixture
def workspace(db: None) -> Workspace:
    return factories.make_workspace()


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def node(workspace: Workspace, number: int = 7, **facts) -> Subject:
    return Subject(workspace.pk, Ref("node", number), number, f"node-{number}", **facts)


def make(workspace: Workspace, *conditions: Condition, **facts) -> AlertRule:
    draft = RuleDraft("CPU high", "node", conditions or (CPU,), **facts)
    return alerts.create_rule(workspace=workspace, draft=draft, actor="ana", now=START)


def report(about: Subject, seconds: float, values: Mapping[str, float | None]) -> Observation:
    return Observation(about.workspace_id, SourceRef(about.ref), at(seconds), values)


def submit(about: Subject, seconds: float, values: Mapping[str, float | None], **options) -> None:
    told = [report(about, seconds, values)]
    submit_samples(observations=told, subjects={about.ref: about}, now=at(seconds), **options)


def test_a_bad_report_becomes_an_incident_and_a_good_one_ends_it(workspace: Workspace) -> None:
    make(workspace)
    web = node(workspace)

    submit(web, 3, BAD)
    submit(web, 6, BAD)
    submit(web, 9, GOOD)

    incident = Incident.objects.get()
    assert (incident.subject_name, incident.opened_at, incident.closed_at) == ("node-7", at(3), at(9))
    assert IncidentEvent.objects.filter(fanned_out_at=None).count() == 2


def test_reports_of_strangers_and_of_other_workspaces_and_from_elsewhere_are_dropped(workspace: Workspace) -> None:
    make(workspace)
    web, other = node(workspace), factories.make_workspace()
    told = [
        report(node(workspace, 8), 3, BAD),
        Observation(other.pk, SourceRef(web.ref), at(3), BAD),
        Observation(workspace.pk, SourceRef(web.ref, via=9), at(3), BAD),
    ]

    assert submit_samples(observations=told, subjects={web.ref: web}, now=at(3)) == []
    assert not SubjectClock.objects.exists()


def test_what_fails_half_way_leaves_nothing_and_works_the_second_time(workspace: Workspace, monkeypatch) -> None:
    make(workspace)
    web = node(workspace)
    with monkeypatch.context() as broken:
        broken.setattr(incidents, "apply", lambda **_: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            submit(web, 3, BAD)
    assert not RuleState.objects.exists()
    assert not SubjectClock.objects.exists()

    submit(web, 3, BAD)

    assert Incident.objects.get().opened_at == at(3)


def test_a_whole_history_told_again_changes_nothing(workspace: Workspace) -> None:
    make(workspace, cooldown_s=30)
    web = node(workspace)
    history = [(3, BAD), (6, GOOD), (9, BAD), (40, BAD), (43, GOOD)]
    for seconds, values in history:
        submit(web, seconds, values)

    def everything() -> list[Any]:
        tables = (Incident, IncidentEvent, RuleState, SubjectClock)
        return [list(table.objects.order_by("pk").values()) for table in tables]

    before = everything()
    for seconds, values in history:
        submit(web, seconds, values)

    assert everything() == before
    assert Incident.objects.count() == 2


def test_sweeping_goes_so_far_and_tells_a_silence_once(workspace: Workspace) -> None:
    fleet = [node(workspace, number, last_seen_at=START) for number in range(1, 6)]

    looked_at = [sweep_silence(subjects=fleet, now=at(20), limit=limit) for limit in (3, 5, 5)]

    assert looked_at == [3, 5, 5]
    assert Incident.objects.filter(closed_at=None).count() == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_two_workers_with_the_same_report_open_one_incident() -> None:
    workspace = factories.make_workspace()
    make(workspace)
    web = node(workspace)

    outcomes = at_once(*[lambda: submit(web, 3, BAD)] * 4)

    assert outcomes == [None] * 4
    assert Incident.objects.count() == RuleState.objects.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor == "sqlite", reason="SQLite has one writer at a time")
def test_a_rule_that_is_deleted_while_it_fires_leaves_nothing_open() -> None:
    workspace = factories.make_workspace()
    rule = make(workspace)
    fleet = [node(workspace, number) for number in range(1, 9)]

    at_once(
        lambda: rules.delete_rule(rule=rule, actor="ana", now=at(3)),
        *[lambda web=web: submit(web, 3, BAD) for web in fleet],
    )

    assert not Incident.objects.filter(closed_at=None).exists()


def test_changing_a_rule_ends_what_it_has_open_without_a_word(workspace: Workspace) -> None:
    ends = {}
    for reason, act in (
        ("rule_updated", lambda rule: rules.update_rule(rule=rule, draft=louder(rule), actor="ana", now=at(6))),
        ("rule_disabled", lambda rule: rules.switch_rule(rule=rule, enabled=False, actor="ana", now=at(6))),
        ("rule_deleted", lambda rule: rules.delete_rule(rule=rule, actor="ana", now=at(6))),
        ("unmounted", lambda rule: unmount(workspace, rule)),
    ):
        rule = make(workspace)
        web = node(workspace, rule.number)
        submit(web, 3, BAD)
        act(rule)
        incident = Incident.objects.get(rule=rule, subject_id=rule.number)
        ends[reason] = (incident.close_reason, incident.closed_at)

    assert ends == {reason: (reason, at(6)) for reason in ends}
    assert not IncidentEvent.objects.filter(kind="closed", fanned_out_at=None).exists()


def louder(rule: AlertRule) -> RuleDraft:
    return RuleDraft(rule.name, "node", (CPU,), severity="critical")


def unmount(workspace: Workspace, rule: AlertRule) -> None:
    rules.mount_rules(
        workspace=workspace,
        numbers=[rule.number],
        subjects=[node(workspace, rule.number)],
        mounted=False,
        actor="ana",
        now=at(6),
    )


def test_another_name_ends_nothing(workspace: Workspace) -> None:
    rule = make(workspace)
    submit(node(workspace), 3, BAD)

    rules.update_rule(rule=rule, draft=RuleDraft("Busy", "node", (CPU,)), actor="ana", now=at(6))

    assert Incident.objects.get().closed_at is None


def test_a_rule_that_was_changed_while_something_was_open_judges_it_anew(workspace: Workspace) -> None:
    rule, web = make(workspace), node(workspace)
    submit(web, 3, BAD)
    rules.update_rule(rule=rule, draft=louder(rule), actor="ana", now=at(6))
    submit(web, 9, BAD)

    assert [(row.severity, row.generation, row.closed_at) for row in Incident.objects.order_by("id")] == [
        ("warning", 1, at(6)),
        ("critical", 2, None),
    ]


DASH = json.loads((VECTORS / "dash_alerts.json").read_text(encoding="utf-8"))["cases"]
# The built-in rules alone, and one user rule that is mounted from the start.
PLAIN = [case for case in DASH if len(case["rules"]) < 2 and not case["expect_invalid_rules"]]


@pytest.mark.parametrize("case", PLAIN, ids=[case["id"] for case in PLAIN])
def test_what_dash_expects_of_a_server_happens_to_its_incidents(workspace: Workspace, case: dict[str, Any]) -> None:
    server = DashServer(workspace, case)
    opened, closed = [], []
    for step, _ in server.play():
        opened += [(entry["rule_id"], entry["current_value"]) for entry in step["expect"]["opens"]]
        closed += [(entry["rule_id"], entry["close_reason"]) for entry in step["expect"]["closes"]]

    rows = list(Incident.objects.order_by("id"))
    assert [(server.said[row.rule.number], _first_value(row)) for row in rows] == opened
    assert [(server.said[row.rule.number], reason_of(row.close_reason)) for row in rows if row.closed_at] == closed


def _first_value(incident: Incident) -> float:
    return incident.events.get(kind="opened").detail["value"]


NEZHA = json.loads((VECTORS / "nezha_alert_rules.json").read_text(encoding="utf-8"))["sequences"]
SHORT = [case for case in NEZHA if len(case["samples"]) < 100 and "cycle" not in case["rules"][0]["type"]]


@pytest.mark.parametrize("case", SHORT, ids=[case["name"] for case in SHORT])
def test_what_nezha_expects_of_a_rule_set_happens_to_its_incidents(workspace: Workspace, case: dict[str, Any]) -> None:
    form = {"name": "set", "enable": True, "rules": case["rules"], "trigger_mode": case["trigger_mode"]}
    draft = read_form(form, now=START, groups=()).rule
    rule = alerts.create_rule(workspace=workspace, draft=draft, actor="ana", now=START)
    web = node(workspace)
    for tick, token in enumerate(case["samples"]):
        values = sample_at(draft.conditions, token, at=at(3 * tick)).values
        submit(web, 3 * tick, values)

    seen = [
        (event.kind, (event.at - START).total_seconds() / 3)
        for event in IncidentEvent.objects.filter(incident__rule=rule).order_by("id")
    ]
    words = {"incident": "opened", "resolved": "closed"}
    assert seen == [(words[event["event"]], event["tick"]) for event in case["events"]]
