"""Workspaces that are older than the rule engine get its rules."""

import importlib

import pytest
from django.apps import apps

from apps.alerts import services
from apps.alerts.built_in import BUILT_IN, FIRST_RULES
from apps.alerts.models import AlertRule
from apps.alerts.selectors import rules_of
from apps.workspaces.models import Counter, Workspace
from tests import factories

migration = importlib.import_module("apps.alerts.migrations.0003_built_in_rules")


@pytest.fixture
def old(db: None) -> list[Workspace]:
    """Three workspaces as they were: one rule each, the device's state, at generation 0."""
    workspaces = [factories.make_workspace() for _ in range(3)]
    AlertRule.objects.exclude(number=-5).delete()
    AlertRule.objects.update(generation=0, severity="warning")
    Counter.objects.filter(kind="alert_rule").delete()
    return workspaces


def spoken(workspace: Workspace) -> list[tuple]:
    rows = AlertRule.objects.of(workspace).order_by("number")
    return list(rows.values_list("number", "key", "enabled", "generation", "changed_at")), [
        services.draft_of(row) for row in rows
    ]


def test_an_older_workspace_gets_what_a_fresh_one_has(old: list[Workspace], monkeypatch) -> None:
    monkeypatch.setattr(migration, "BATCH", 2)
    fresh = factories.make_workspace()

    migration.forwards(apps, None)

    for workspace in old:
        assert spoken(workspace)[1] == spoken(fresh)[1]
        assert [row[:4] for row in spoken(workspace)[0]] == [row[:4] for row in spoken(fresh)[0]]
        assert len(rules_of(workspace)) == len(BUILT_IN) + len(FIRST_RULES)


def test_it_can_be_run_again_and_numbers_go_on(old: list[Workspace]) -> None:
    migration.forwards(apps, None)
    before = [spoken(workspace) for workspace in old]

    migration.forwards(apps, None)

    assert [spoken(workspace) for workspace in old] == before
    draft = FIRST_RULES[0]
    made = services.create_rule(workspace=old[0], draft=draft, actor="ana", now=old[0].created_at)
    assert made.number == len(FIRST_RULES) + 1
