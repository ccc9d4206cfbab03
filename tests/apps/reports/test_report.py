"""Reports gathered from what monitors measured."""

from datetime import datetime, timedelta
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.alerts.built_in import DEVICE_STATE
from apps.alerts.models import AlertRule
from apps.incidents.models import Incident, IncidentEvent
from apps.metrics.figures import SampleCounts
from apps.metrics.models import Block
from apps.metrics.sketch import sketch_of
from apps.metrics.tiers import RAW
from apps.metrics.types import UptimeTotals
from apps.metrics.uptime import StateTimes
from apps.reports import selectors
from apps.reports.periods import Period, days_before, last_days
from apps.reports.presenters.spelling import budget_left, cut_percent, share, span
from apps.reports.selectors import report_of
from apps.reports.sla import judge
from apps.reports.types import Figures, MonitorLine, ProjectLine, Report, summed
from tests import factories
from tests.apps.reports.conftest import MINUTE, measure, settle

UTC = ZoneInfo("UTC")
HOUR = 3_600_000


def week(now: datetime) -> Period:
    return days_before(now.date(), 7, name="weekly", zone=UTC)


def incident(device, at: datetime, *, state: str = "down", closed_at: datetime | None = None) -> Incident:
    return Incident.objects.create(
        workspace=device.workspace,
        number=Incident.objects.count() + 1,
        rule=AlertRule.objects.of(device.workspace).get(number=DEVICE_STATE),
        subject_kind="device",
        subject_id=device.pk,
        subject_name=device.name,
        project=device.project,
        severity="critical",
        state=state,
        title="down",
        opened_at=at,
        closed_at=closed_at or at + MINUTE,
    )


def test_one_monitor_with_an_outage(workspace, device, now) -> None:
    period = week(now)
    states = ["up"] * 96 + ["down"] * 4 + ["warning"] * 4 + ["up"] * 88
    measure(device, states, first=period.start)
    settle(now)
    incident(device, period.start + timedelta(days=1))
    incident(device, period.start - MINUTE)
    incident(device, period.end)

    report = report_of(workspace, period=period, now=now)

    figures = report.figures
    assert figures.times == StateTimes(
        up_ms=188 * 900_000 + 1_800_000,
        warning_ms=4 * 900_000,
        down_ms=HOUR,
        unknown_ms=7 * 24 * HOUR - 192 * 900_000 - 1_800_000,
    )
    assert figures.counts == SampleCounts(192, 188)
    assert (figures.incidents, figures.mttr_ms, figures.mtbf_ms) == (1, HOUR, figures.times.up_ms)
    assert figures.percentile_us(50) == pytest.approx(50_093, rel=0.01)
    assert report.days[int(period.start.timestamp()) * 1000 + 24 * HOUR].down_ms == HOUR
    assert sum(times.down_ms for times in report.days.values()) == HOUR
    assert report.judged == (0, 1)
    assert figures.against(97_000).met is True


def test_an_eased_incident_counts_and_one_that_was_never_down_does_not(workspace, device, now) -> None:
    period = week(now)
    eased = incident(device, period.start, state="warning")
    incident(device, period.start + MINUTE, state="warning")
    IncidentEvent.objects.create(
        workspace=workspace,
        incident=eased,
        subject_kind="device",
        subject_id=device.pk,
        at=period.start,
        written_at=period.start,
        kind="eased",
    )

    assert report_of(workspace, period=period, now=now).figures.incidents == 1


def test_time_before_a_monitor_was_made_is_not_held_against_it(workspace, project, now) -> None:
    period = week(now)
    born = period.end - timedelta(days=1)
    device = factories.make_device(project, now=born)
    measure(device, ["up"] * 96, first=born)

    figures = report_of(workspace, period=period, now=now).figures

    assert figures.availability == (24 * HOUR, 24 * HOUR)
    assert figures.times.unknown_ms == 6 * 24 * HOUR


def test_the_report_is_cut_to_the_plan_and_to_now(workspace, device, now) -> None:
    workspace.plan = "free"
    workspace.limit_overrides = {"historyDays": 7}
    workspace.save()
    period = Period("custom", now - timedelta(days=30), now + timedelta(days=30), UTC)

    report = report_of(workspace, period=period, now=now)

    assert (report.period.start, report.period.end) == (now - timedelta(days=7), now)
    assert report.figures.times == StateTimes(unknown_ms=7 * 24 * HOUR)


def test_no_report_is_longer_than_400_days(workspace, device, now) -> None:
    workspace.limit_overrides = {"historyDays": None}
    workspace.save()
    period = Period("custom", now - timedelta(days=3000), now, UTC)

    report = report_of(workspace, period=period, now=now)

    assert report.period.start == now - timedelta(days=400)


def test_projects_within_reach_oldest_first(workspace, project, device, now) -> None:
    younger = factories.make_project(workspace, "aachen", now=now - timedelta(days=1))
    elsewhere = factories.make_device(factories.make_project(factories.make_workspace()))

    everything = report_of(workspace, period=week(now), now=now)
    one = report_of(workspace, period=week(now), now=now, projects={younger.pk, elsewhere.project_id})

    assert [line.key for line in everything.projects] == ["berlin", "aachen"]
    assert [line.key for line in one.projects] == ["aachen"]
    assert (everything.monitors, one.monitors) == (1, 0)


def test_many_monitors_cost_as_much_as_one_for_each_chunk(
    workspace, project, now, monkeypatch, django_assert_max_num_queries
) -> None:
    monkeypatch.setattr(selectors, "CHUNK", 5)
    period = week(now)
    devices = [factories.make_device(project, f"Till {number}", now=now - timedelta(days=60)) for number in range(10)]
    for device in devices:
        measure(device, ["up"] * 30, first=period.start + timedelta(days=1), every=timedelta(hours=4))
    settle(now)
    # Whole days are told by the day rows: nothing raw is needed.
    Block.objects.filter(tier=RAW).delete()

    with django_assert_max_num_queries(12) as one:
        report_of(workspace, period=days_before(now.date(), 1, name="daily", zone=UTC), now=now, projects=[-1])
    with django_assert_max_num_queries(24) as chunked:
        report = report_of(workspace, period=period, now=now)
    monkeypatch.setattr(selectors, "CHUNK", 200)
    with django_assert_max_num_queries(14) as whole:
        again = report_of(workspace, period=period, now=now)

    assert len(one) < len(whole) < len(chunked) <= 2 * len(whole)
    assert report == again
    assert report.figures.counts.samples == 300


COUNTS = st.tuples(st.integers(0, 5000), st.integers(0, 5000)).map(lambda pair: SampleCounts(max(pair), min(pair)))
FIGURES = st.builds(
    lambda up, down, counts, latencies, incidents: Figures(
        UptimeTotals(StateTimes(up_ms=up, down_ms=down), counts=counts), sketch_of(latencies), incidents
    ),
    st.integers(0, 10**10),
    st.integers(0, 10**10),
    COUNTS,
    st.lists(st.integers(1, 10**7), max_size=20),
    st.integers(0, 50),
)


@settings(deadline=None)
@given(parts=st.lists(FIGURES, max_size=6))
def test_a_sum_of_monitors_is_made_of_every_result_and_millisecond(parts: list[Figures]) -> None:
    total = summed(parts)

    assert total.counts.samples == sum(part.counts.samples for part in parts)
    assert total.times.up_ms == sum(part.times.up_ms for part in parts)
    assert total.incidents == sum(part.incidents for part in parts)
    assert total.sketch.count == sum(part.sketch.count for part in parts)
    known = [percent for part in parts if (percent := part.counts.uptime_pct) is not None]
    percent = total.counts.uptime_pct
    if percent is None:
        assert known == []
    else:
        assert min(known) - 1e-9 <= percent <= max(known) + 1e-9


@settings(deadline=None)
@given(parts=st.permutations([1, 2, 3, 4]), latencies=st.lists(st.integers(1, 10**7), min_size=4, max_size=80))
def test_the_order_of_monitors_changes_nothing(parts: list[int], latencies: list[int]) -> None:
    figures = [Figures(sketch=sketch_of(latencies[index - 1 :: 4]), incidents=index) for index in parts]

    assert summed(figures) == summed(sorted(figures, key=lambda each: each.incidents))


@settings(deadline=None)
@given(whole=st.integers(1, 10**12), part=st.integers(0, 10**12), decimals=st.integers(1, 4))
def test_a_share_is_cut_and_never_rounded_up(whole: int, part: int, decimals: int) -> None:
    part = min(part, whole)
    shown = cut_percent(part, whole, decimals)

    assert len(shown.partition(".")[2]) == decimals
    scaled = int(shown.replace(".", ""))
    assert scaled * whole <= part * 10 ** (decimals + 2) < (scaled + 1) * whole
    assert (share((part, whole)) == "100 %") == (part == whole)


def test_words_for_spans_and_budgets() -> None:
    assert [span(None), span(0), span(999), span(61_000), span(90_000_000)] == [
        "—",
        "0 s",
        "0 s",
        "1 min 1 s",
        "1 d 1 h",
    ]
    assert budget_left(judge(StateTimes(up_ms=10**6), target=99_900)) == "1 s"
    assert budget_left(judge(StateTimes(up_ms=10**6, down_ms=10**6), target=99_900)) == "over by 16 min 38 s"
    assert budget_left(judge(StateTimes(), target=99_900)) == "—"


def named(*names: str, now: datetime) -> Report:
    """A report of monitors with these names, nothing measured but the first, which missed its target."""
    first = Figures(
        UptimeTotals(StateTimes(up_ms=99 * HOUR, down_ms=HOUR), counts=SampleCounts(400, 396), latency_count=1),
        sketch_of([50_000, 70_000]),
        2,
    )
    lines = [
        MonitorLine(uuid4(), name, "http", "h.example", "", first if not index else Figures())
        for index, name in enumerate(names)
    ]
    project = ProjectLine("p", names[0], lines, summed(line.figures for line in lines))
    days = {int(now.timestamp()) * 1000 // 86_400_000 * 86_400_000: StateTimes(down_ms=HOUR)}
    period = last_days(7, name="weekly", zone=ZoneInfo("Europe/Berlin"), now=now)
    return Report("Läden & Söhne", period, now, 99_900, [project], days, project.figures)
