"""The row of this process."""

from datetime import timedelta

import pytest
from django.db import DatabaseError

from apps.common import counters
from apps.operations import processes
from apps.operations.models import ProcessReport
from apps.operations.processes import GONE, expire_reports, reports, summed
from dashmon import reporting
from dashmon.reporting import Reporter

SECOND = timedelta(seconds=1)
SERVER = ProcessReport.Kind.SERVER


@pytest.mark.django_db
def test_it_tells_what_was_counted_and_how_busy_the_engine_is(now) -> None:
    unwatch = (counters.watch("engine_slots", lambda: 256), counters.watch("engine_slots_used", lambda: 7))
    counters.count("checks_executed/up", 3)
    reporter = Reporter(SERVER, started_at=now)

    reporter.tell(now)
    counters.count("checks_executed/up", 2)
    reporter.tell(now + SECOND)

    (row,) = reports()
    assert (row.kind, row.started_at, row.seen_at, row.slots, row.slots_used) == (SERVER, now, now + SECOND, 256, 7)
    assert row.counters == {"checks_executed/up": 5}
    assert row.rss_bytes > 10_000_000
    assert row.cpu_s > 0
    for end in unwatch:
        end()


@pytest.mark.django_db
def test_a_process_that_slept_too_long_is_not_counted_twice(now) -> None:
    reporter = Reporter(SERVER, started_at=now)
    counters.count("checks_due", 10)
    reporter.tell(now)
    expire_reports(now=now + GONE + SECOND)

    counters.count("checks_due", 1)
    reporter.tell(now + GONE + 2 * SECOND)
    reporter.tell(now + GONE + 3 * SECOND)

    assert summed(reports()) == {"checks_due": 11}
    assert sorted(row.kind for row in reports()) == ["ended", "server"]


@pytest.mark.django_db
def test_at_the_end_the_counts_stay_and_the_process_goes(now) -> None:
    reporter = Reporter(SERVER, started_at=now)
    reporter.tell(now)
    counters.count("checks_due", 4)

    reporter.leave(now + SECOND)

    assert [(row.kind, row.counters) for row in reports()] == [("ended", {"checks_due": 4})]


@pytest.mark.django_db(transaction=True)
def test_the_thread_writes_at_once_and_leaves_when_closed(now) -> None:
    reporter = Reporter(SERVER, started_at=now)
    counters.count("checks_due", 1)

    reporter.start()
    reporter.close()

    assert [(row.kind, row.counters) for row in reports()] == [("ended", {"checks_due": 1})]


@pytest.mark.django_db(transaction=True)
def test_a_database_that_is_away_ends_nothing(now, monkeypatch) -> None:
    answers = [DatabaseError("gone"), None]
    real = processes.enlist

    def enlist(**wanted: object) -> None:
        if (fault := answers.pop(0)) is not None:
            raise fault
        real(**wanted)

    monkeypatch.setattr(reporting, "EVERY_S", 0.0)
    monkeypatch.setattr(processes, "enlist", enlist)
    reporter = Reporter(SERVER, started_at=now)
    reporter.start()
    while answers:
        pass
    reporter.close()

    assert [row.kind for row in reports()] == ["ended"]
