"""Reports of agents at the door: none is lost, however many share an instant."""

import json
from copy import deepcopy
from datetime import datetime, timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.alerts.services import ensure_builtin_rules
from apps.api.dash.reports import read_report
from apps.common.clock import from_epoch_ms
from apps.common.ids import digest
from apps.metrics.models import HeadRow
from apps.nodes.latest import REMEMBERED
from apps.nodes.models import Node, NodeSection
from apps.nodes.selectors import secret_of
from apps.pipeline import agents
from apps.pipeline.agents import CROWD_MS, SentReport, receive_reports
from apps.projects.models import Project
from apps.tokens.models import AgentKey
from apps.tokens.selectors import Sent
from tests.contracts.dash.reporting import CASES, make_node

MS, SECOND = timedelta(milliseconds=1), timedelta(seconds=1)


@pytest.fixture
def node(project: Project, now: datetime) -> Node:
    return make_node(project.workspace, now=now)


def sent(node: Node, at: datetime, second: int, *, disks: int = 0) -> SentReport:
    """A report by its agent's second; with another number of disks its document about them is another one."""
    document = deepcopy({**CASES[0]["report"], "timestamp": f"2026-04-01T00:00:{second:02}Z"})
    document["metrics"]["disk"]["base_io"] += [{"name": f"sd{disk}", "kind": "disk"} for disk in range(disks)]
    return SentReport(Sent(digest(secret_of(node) or "")), at, read_report(json.dumps(document).encode()))


def kept() -> list[datetime]:
    return [from_epoch_ms(ts) for ts in HeadRow.objects.order_by("ts").values_list("ts", flat=True)]


def test_reports_of_one_instant_push_on_those_of_the_next(node, now) -> None:
    receive_reports(sent=[sent(node, now, second) for second in range(5)], now=now)
    # Within what the first five were given.
    receive_reports(sent=[sent(node, now + 2 * MS, second) for second in range(5, 8)], now=now)

    assert kept() == [now + number * MS for number in range(8)]


def test_a_clock_that_was_ahead_does_not_hold_reports_there(node, now) -> None:
    ahead = now + CROWD_MS * MS
    receive_reports(sent=[sent(node, ahead, 0)], now=ahead)
    receive_reports(sent=[sent(node, now, 1), sent(node, now, 2)], now=now)

    assert kept() == [now, now + MS, ahead]


def disks_known(node: Node) -> int:
    return len(NodeSection.objects.get(node=node, section="disks").document["io"])


@pytest.mark.parametrize(("judged", "statements"), [(False, 6), (True, 9)])
def test_a_calm_batch_takes_few_statements(
    node, now, django_capture_on_commit_callbacks, judged: bool, statements: int
) -> None:
    nodes = [node, *(make_node(node.workspace, f"n{number}", now=now) for number in range(8))]
    if judged:
        ensure_builtin_rules(workspace=node.workspace)
    for second in range(3):
        batch = [sent(each, now + second * SECOND, second) for each in nodes]
        with CaptureQueriesContext(connection) as captured, django_capture_on_commit_callbacks(execute=True):
            receive_reports(sent=batch, now=now + second * SECOND, opens_from=now + timedelta(minutes=1))

    # Secrets, nodes, their newest instants, inbox, newest, rules; then clocks, states, clocks moved on.
    assert len(captured) == statements


def test_what_another_process_kept_meanwhile_counts(node, now, django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        receive_reports(sent=[sent(node, now, 0)], now=now)
    own = disks_known(node)
    # Nothing of this one is remembered here.
    receive_reports(sent=[sent(node, now + SECOND, 1, disks=2)], now=now + SECOND)
    assert disks_known(node) == own + 2

    receive_reports(sent=[sent(node, now + 2 * SECOND, 1, disks=2)], now=now + 2 * SECOND)
    assert kept() == [now, now + SECOND]
    receive_reports(sent=[sent(node, now + 3 * SECOND, 2)], now=now + 3 * SECOND)
    assert disks_known(node) == own


def test_a_report_that_was_rolled_back_was_never_told(
    node, now, django_capture_on_commit_callbacks, monkeypatch
) -> None:
    told = [sent(node, now, 0, disks=1)]
    with django_capture_on_commit_callbacks(execute=True):
        with monkeypatch.context() as broken:
            # The last thing that is done, when everything else is written.
            broken.setattr(agents, "_reply", lambda *_: 1 / 0)
            with pytest.raises(ZeroDivisionError), transaction.atomic():
                receive_reports(sent=told, now=now)
        receive_reports(sent=told, now=now)

    assert kept() == [now]
    assert disks_known(node) > 0


def test_the_default_workspace_is_asked_for_only_where_a_secret_was_chosen(node, now, monkeypatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(agents, "default_workspace", lambda: asked.append(1))
    receive_reports(sent=[sent(node, now, 0)], now=now)
    assert asked == []

    AgentKey.objects.filter(subject_id=node.pk).update(generated=False)
    assert receive_reports(sent=[sent(node, now, 1), sent(node, now, 2)], now=now) == [None, None]
    assert asked == [1]


@pytest.mark.parametrize("late", range(REMEMBERED + 1))
def test_a_report_that_comes_again_after_others_is_kept_once(node, now, late) -> None:
    seconds = [*range(late + 1), 0]
    for number, second in enumerate(seconds):
        receive_reports(sent=[sent(node, now + number * 3000 * MS, second)], now=now + number * 3000 * MS)

    assert len(kept()) == len(set(seconds))


def test_a_report_that_comes_again_is_known_within_one_batch_and_over_two(node, now) -> None:
    receive_reports(sent=[sent(node, now, second) for second in (0, 1, 0, 2, 1)], now=now)
    assert len(kept()) == 3
    receive_reports(sent=[sent(node, now + 3000 * MS, second) for second in (1, 3, 0, 2)], now=now + 3000 * MS)
    assert len(kept()) == 4
