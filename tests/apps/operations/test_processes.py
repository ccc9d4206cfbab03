"""Rows of processes: who runs, and sums that never fall."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest

from apps.operations import processes
from apps.operations.models import ProcessReport
from apps.operations.processes import ENDED, GONE, Facts, enlist, expire_reports, refresh, reports, retire, summed

pytestmark = pytest.mark.django_db
SECOND = timedelta(seconds=1)


def facts(now: datetime, **changes: object) -> Facts:
    plain = Facts(
        kind=ProcessReport.Kind.WORKER,
        host="one.example",
        pid=17,
        version="1.0",
        started_at=now,
        rss_bytes=50_000_000,
        cpu_s=1.5,
        slots=256,
        slots_used=3,
        counters={"checks_executed/up": 10},
        marks={"seal": 1000},
    )
    return replace(plain, **changes)


def started(now: datetime, **changes: object) -> UUID:
    key = uuid4()
    enlist(key=key, facts=facts(now, **changes), now=now)
    return key


def test_a_process_writes_one_row_and_keeps_writing_it(now) -> None:
    key = started(now)

    assert refresh(key=key, facts=facts(now, counters={"checks_executed/up": 12}), now=now + SECOND)

    (row,) = reports()
    assert (row.seen_at, row.counters, row.slots) == (now + SECOND, {"checks_executed/up": 12}, 256)


def test_a_process_that_ends_leaves_its_counts(now) -> None:
    first, _ = started(now), started(now, counters={"checks_executed/up": 5, "checks_due": 1}, marks={"seal": 900})
    before = summed(reports())

    retire(key=first, now=now + SECOND)
    retire(key=first, now=now + SECOND)

    ended, alive = reports()
    assert summed(reports()) == before == {"checks_executed/up": 15, "checks_due": 1}
    assert (ended.pk, ended.kind, ended.cpu_s, ended.marks) == (ENDED, "ended", 1.5, {"seal": 1000})
    assert alive.counters == {"checks_executed/up": 5, "checks_due": 1}
    assert processes.newest(reports()) == {"seal": 1000}


def test_a_process_that_died_is_taken_for_ended_after_a_while_and_only_once(now) -> None:
    key = started(now)
    started(now + GONE)

    assert expire_reports(now=now + GONE) == 0
    assert expire_reports(now=now + GONE + SECOND) == 1
    assert expire_reports(now=now + GONE + SECOND) == 0

    assert summed(reports()) == {"checks_executed/up": 20}
    assert not refresh(key=key, facts=facts(now), now=now + GONE + SECOND)


def test_the_row_of_the_ended_ones_never_ends(now) -> None:
    retire(key=started(now), now=now)

    assert expire_reports(now=now + 10 * GONE) == 0
    assert summed(reports()) == {"checks_executed/up": 10}


def test_a_host_with_a_long_name_fits(now) -> None:
    started(now, host="h" * 300)

    assert reports()[0].host == "h" * 120
