"""Reports of agents at the door: none is lost, however many share an instant."""

import json
from datetime import datetime, timedelta

import pytest

from apps.api.dash.reports import read_report
from apps.common.clock import from_epoch_ms
from apps.common.ids import digest
from apps.metrics.models import HeadRow
from apps.nodes.latest import REMEMBERED
from apps.nodes.models import Node
from apps.nodes.selectors import secret_of
from apps.pipeline.agents import CROWD_MS, SentReport, receive_reports
from apps.projects.models import Project
from apps.tokens.selectors import Sent
from tests.contracts.dash.reporting import CASES, make_node

MS = timedelta(milliseconds=1)


@pytest.fixture
def node(project: Project, now: datetime) -> Node:
    return make_node(project.workspace, now=now)


def sent(node: Node, at: datetime, second: int) -> SentReport:
    document = {**CASES[0]["report"], "timestamp": f"2026-04-01T00:00:{second:02}Z"}
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
