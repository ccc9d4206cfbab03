"""Reports of nodes in the store: kept as said, the same in any order, read back from every tier."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest
from django.db import transaction

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from apps.metrics import reported, selectors, services, sources
from apps.metrics import seal as sealing
from apps.metrics.dirty import mark_windows
from apps.metrics.models import Block, DirtyWindow, HeadRow, LatestRow, Source
from apps.metrics.report_rows import column_names, hours_of
from apps.metrics.tiers import DAY, DAYS, FACTS, FIVE_MINUTES, HOUR, HOURS, MINUTE, REPORTS
from apps.workspaces.models import Workspace
from tests.apps.metrics.conftest import NOW, append_all, rounded, settle, stored_bytes

NODE = Ref("node", 7)
MIDNIGHT = datetime(2026, 5, 1, tzinfo=NOW.tzinfo)
Values = dict[str, Any]


def report(workspace: Workspace, ts: int | datetime, values: Values, *, ref: Ref = NODE, **fields: Any) -> Observation:
    at = from_epoch_ms(ts) if isinstance(ts, int) else ts
    return Observation(workspace.pk, SourceRef(ref), at, {"interval_ms": 60_000, **values}, **fields)


def history(workspace: Workspace, *, hours: int = 50, every: int = MINUTE, seed: int = 1) -> list[Observation]:
    """Reports a minute apart with some jitter: noise, a counter, a constant and a sensor that is not always there."""
    chance, ts, counter, told = Random(seed), epoch_ms(MIDNIGHT), 10**15, []
    end = ts + hours * HOUR
    while ts < end:
        counter += chance.randrange(10**7)
        values: Values = {
            "cpu.ratio": chance.random(),
            "mem.used_bytes": chance.randrange(2**40),
            "net.rx_rate[eth0]": chance.random() * 1e6,
            "net.rx_bytes[eth0]": counter,
            "raid.failed": 0,
            "temp_c[cpu]": chance.choice([None, 41.85]),
        }
        told.append(report(workspace, ts, values))
        ts += every + chance.randrange(-2000, 2000)
    return told


def everything(table_keys: dict[int, str], source: Source) -> list[tuple[int, Values]]:
    rows: list[tuple[int, Values]] = []
    for table in hours_of(source, 0, epoch_ms(NOW) + DAY):
        for index, ts in enumerate(table.ts):
            cells = {table_keys[key]: column[index] for key, column in table.columns.items()}
            rows.append((ts, {name: value for name, value in cells.items() if value is not None}))
    return rows


def test_the_newest_report_is_exact_and_history_is_rounded(workspace: Workspace) -> None:
    values = {"cpu.ratio": 1 / 3, "net.rx_rate": 1233000.509, "cpu.load1": -0.0, "conn.tcp": 7, "temp_c[x]": 41.85}
    detail = {"uptime": "1d", "came": ["smart"]}
    services.append(rows=[report(workspace, NOW, values, detail=detail)], now=NOW)

    latest = selectors.latest_reports(workspace_id=workspace.pk, refs=[NODE])[7]
    assert latest.values == {"interval_ms": 60_000, **values}
    assert latest.detail == detail
    source = Source.objects.get()
    ((_, kept),) = everything(column_names(source), source)
    assert kept == {
        "interval_ms": 60_000,
        "cpu.ratio": 0.333333,
        "net.rx_rate": 1233000.51,
        "cpu.load1": 0.0,
        "conn.tcp": 7,
        "temp_c[x]": 41.85,
    }


def test_what_no_block_can_hold_is_left_out_and_the_rest_stays(workspace: Workspace) -> None:
    values = {"conn.tcp": 2**64, "mem.used_bytes": 2**63, "cpu.load1": 1e300, "proc.count": 2**63 - 1}
    appended = services.append(rows=[report(workspace, NOW, values)], now=NOW)
    settle(NOW)

    assert (appended.stored, appended.refused) == (1, 0)
    latest = selectors.latest_reports(workspace_id=workspace.pk, refs=[NODE])[7]
    assert latest.values == {"interval_ms": 60_000, "proc.count": 2**63 - 1}


def test_sums_beyond_64_bits_do_not_stop_the_rollups(workspace: Workspace) -> None:
    huge = 2**62
    append_all([report(workspace, NOW + timedelta(seconds=s), {"proc.count": huge}) for s in range(0, 300, 60)], NOW)
    settle(NOW)

    chart = selectors.report_series(
        workspace_id=workspace.pk,
        ref=NODE,
        columns=["proc.count"],
        start=NOW - timedelta(hours=1),
        end=NOW + timedelta(hours=1),
        step_s=3600,
    )
    assert chart.points["proc.count"][0].average == huge
    assert not DirtyWindow.objects.exists()


def test_a_source_gets_so_many_columns_of_its_own_and_no_more(workspace: Workspace, monkeypatch) -> None:
    monkeypatch.setattr(sources, "MOST_OWN_COLUMNS", 3)
    for batch in range(4):
        values = {f"net.rx_rate[veth{batch}{number}]": 1.5 for number in range(2)}
        services.append(rows=[report(workspace, NOW + timedelta(seconds=batch), values)], now=NOW)

    assert [entry["name"] for entry in Source.objects.get().columns.values()] == [
        "net.rx_rate[veth00]",
        "net.rx_rate[veth01]",
        "net.rx_rate[veth10]",
    ]
    assert HeadRow.objects.count() == 4


def test_columns_are_added_and_never_renumbered(workspace: Workspace) -> None:
    for names in (["b"], ["a", "b"], ["c"]):
        at = NOW + timedelta(seconds=len(names) + ord(names[0]))
        services.append(rows=[report(workspace, at, {f"temp_c[{name}]": 40.5 for name in names})], now=NOW)

    named = {int(key): entry["name"] for key, entry in Source.objects.get().columns.items()}
    assert named == {100: "temp_c[b]", 101: "temp_c[a]", 102: "temp_c[c]"}


def test_fixed_columns_have_numbers_of_their_own() -> None:
    numbers = list(reported.FIXED.values())

    assert len(set(numbers)) == len(numbers)
    assert max(numbers) < 100


@pytest.mark.parametrize("seed", range(3))
def test_any_order_any_batches_and_a_replay_end_in_the_same_bytes(workspace: Workspace, seed: int) -> None:
    told = history(workspace, hours=27)
    services.append(rows=[told[0]], now=NOW)
    in_order = _stored(told)
    services.forget_workspace(workspace_id=workspace.pk)
    chance = Random(seed)
    shuffled = [*told, *chance.sample(told, 200)]
    chance.shuffle(shuffled)

    services.append(rows=[told[0]], now=NOW)
    while shuffled:
        size = chance.randrange(1, 400)
        append_all(shuffled[:size], NOW)
        del shuffled[:size]
        chance.choice(MEANWHILE)()

    assert _stored(told[:0]) == in_order
    assert len(in_order["blocks"]) == 27 + 2 + 1 + 1


MEANWHILE: Sequence[Callable[[], Any]] = (
    lambda: None,
    lambda: [services.seal(source=source, now=NOW) for source in Source.objects.all()],
    lambda: services.rebuild_dirty(now=NOW + timedelta(days=3)),
    lambda: settle(NOW),
)


def _stored(told: Iterable[Observation]) -> dict[str, Any]:
    append_all(told, NOW)
    settle(NOW)
    return stored_bytes()


def test_different_columns_in_any_order_are_the_same_values(workspace: Workspace, stranger: Workspace) -> None:
    told = [{f"net.rx_rate[eth{number % 3}]": number + 0.5, "cpu.ratio": 0.5} for number in range(40)]
    for tenant, order in ((workspace, told), (stranger, list(reversed(told)))):
        at = {id(values): NOW - timedelta(minutes=index) for index, values in enumerate(told)}
        for values in order:
            services.append(rows=[report(tenant, at[id(values)], values)], now=NOW)
            services.seal(source=Source.objects.of(tenant.pk).get(), now=NOW)

    ours, theirs = (everything(column_names(source), source) for source in Source.objects.order_by("workspace_id"))
    assert ours == theirs
    assert len(ours) == 40


def test_a_repeat_changes_nothing_and_the_first_of_an_instant_wins(workspace: Workspace) -> None:
    first, other = report(workspace, NOW, {"cpu.ratio": 0.5}), report(workspace, NOW, {"cpu.ratio": 0.75})

    outcomes = [services.append(rows=rows, now=NOW) for rows in ([first, first], [first], [other])]

    assert [(each.stored, each.duplicates, each.conflicts) for each in outcomes] == [(1, 1, 0), (0, 1, 0), (0, 0, 1)]
    assert [list(each.fresh) for each in outcomes] == [[first], [], []]
    assert [list(each.newest) for each in outcomes] == [[first], [], []]
    assert selectors.latest_reports(workspace_id=workspace.pk, refs=[NODE])[7].values["cpu.ratio"] == 0.5


def test_a_late_report_is_history_and_not_the_newest(workspace: Workspace) -> None:
    services.append(rows=[report(workspace, NOW, {"cpu.ratio": 0.5})], now=NOW)
    late = services.append(rows=[report(workspace, NOW - timedelta(hours=30), {"cpu.ratio": 0.75})], now=NOW)

    assert (late.stored, late.newest) == (1, ())
    assert LatestRow.objects.get().ts == epoch_ms(NOW)


def test_reports_beyond_seven_days_and_from_the_future_are_refused(workspace: Workspace) -> None:
    days = [-8, -6, 0.001, 1]
    told = [report(workspace, NOW + timedelta(days=each), {"cpu.ratio": 0.5}) for each in days]

    assert (services.append(rows=told, now=NOW).stored, HeadRow.objects.count()) == (2, 2)


def test_sealing_fills_a_block_an_hour_and_leaves_the_inbox_empty(workspace: Workspace) -> None:
    told = history(workspace, hours=3)
    append_all(told, NOW)
    services.seal_due(now=NOW)

    blocks = list(Block.objects.order_by("t0"))
    assert [(block.tier, block.t0 - epoch_ms(MIDNIGHT)) for block in blocks] == [
        (REPORTS, hour * HOUR) for hour in range(3)
    ]
    assert sum(block.n for block in blocks) == len(told)
    assert not HeadRow.objects.exists()


@pytest.mark.parametrize("step", ["_write_block", "mark_windows", "_delete_head", "_note"])
def test_a_sealer_killed_at_any_point_is_made_good_by_the_next(workspace: Workspace, monkeypatch, step: str) -> None:
    append_all(history(workspace, hours=2), NOW)
    source = Source.objects.get()
    before = HeadRow.objects.count()
    with monkeypatch.context() as broken:
        broken.setattr(sealing, step, lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError), transaction.atomic():
            services.seal(source=source, now=NOW)
    assert (HeadRow.objects.count(), Block.objects.count(), DirtyWindow.objects.count()) == (before, 0, 0)

    services.seal(source=source, now=NOW)

    assert (HeadRow.objects.count(), Block.objects.count(), DirtyWindow.objects.count()) == (0, 2, 1)


def by_bucket(told: Iterable[Observation], name: str, step_ms: int) -> dict[int, list[float]]:
    found: dict[int, list[float]] = defaultdict(list)
    for each in told:
        value = each.values.get(name)
        if value is not None:
            found[epoch_ms(each.at) // step_ms * step_ms].append(rounded(value, reported.kept(name).decimals))
    return found


STEPS = [(10, 1), (60, 3), (900, 24), (3600, 49), (12_600, 49), (86_400, 49)]


@pytest.mark.parametrize(("step_s", "hours"), STEPS)
@pytest.mark.parametrize("rolled_up", [False, True])
def test_a_series_is_what_was_reported(workspace: Workspace, step_s: int, hours: int, rolled_up: bool) -> None:
    told = history(workspace)
    append_all(told, NOW)
    if rolled_up:
        settle(NOW)
    start, end = MIDNIGHT + timedelta(minutes=61), MIDNIGHT + timedelta(minutes=61, hours=hours)
    names = ["cpu.ratio", "net.rx_rate[eth0]", "net.rx_bytes[eth0]", "temp_c[cpu]", "raid.failed"]
    series = selectors.report_series(
        workspace_id=workspace.pk, ref=NODE, columns=names, start=start, end=end, step_s=step_s
    )

    step = step_s * 1000
    first, last = epoch_ms(start) // step * step, epoch_ms(end)
    reports = [each for each in told if first <= epoch_ms(each.at) < last]
    assert list(series.starts_ms) == sorted(by_bucket(reports, "raid.failed", step))
    if not rolled_up:
        assert sum(series.reports) == len(reports)
    for name in names:
        expected = by_bucket(reports, name, step)
        # The last bucket is cut at the end of the range, or shown whole where it was stored whole.
        for bucket, point in list(zip(series.starts_ms, series.points[name], strict=True))[:-1]:
            _same(name, point, expected.get(bucket))


def _same(name: str, point: selectors.Series | Any, values: list[float] | None) -> None:
    if values is None:
        assert point is None
        return
    assert point.last == values[-1]
    if "rx_bytes" in name:
        assert (point.average, point.samples) == (None, None)
    else:
        assert (point.minimum, point.maximum, point.samples) == (min(values), max(values), len(values))
        assert point.average == pytest.approx(sum(values) / len(values), rel=1e-12, abs=1e-12)


def test_an_hour_is_the_merge_of_its_five_minutes_exactly(workspace: Workspace) -> None:
    told = history(workspace)
    append_all(told, NOW)
    settle(NOW)
    assert set(Block.objects.values_list("tier", flat=True)) == {REPORTS, FIVE_MINUTES, HOURS, DAYS}
    read = {"workspace_id": workspace.pk, "ref": NODE, "columns": ["mem.used_bytes"], "start": MIDNIGHT, "end": NOW}
    hours = Block.objects.filter(tier=HOURS)
    kept = list(hours)
    hours.delete()
    from_minutes = selectors.report_series(**read, step_s=3600)
    Block.objects.filter(tier__in=[REPORTS, FIVE_MINUTES]).delete()
    Block.objects.bulk_create(kept)

    from_hours = selectors.report_chart(**{**read, "start": MIDNIGHT - timedelta(days=10)}, max_points=400)
    from_days = selectors.report_chart(**{**read, "start": MIDNIGHT - timedelta(days=400)})

    assert [each.rollup for each in (from_minutes, from_hours, from_days)] == ["5m", "1h", "1d"]
    assert (from_hours.step_ms, from_days.step_ms) == (HOUR, DAY)
    assert (from_hours.starts_ms, from_hours.points) == (from_minutes.starts_ms, from_minutes.points)
    assert sum(from_days.reports) == len(told)
    point, values = from_days.points["mem.used_bytes"][0], by_bucket(told, "mem.used_bytes", DAY)[epoch_ms(MIDNIGHT)]
    assert (point.minimum, point.maximum, point.last) == (min(values), max(values), values[-1])
    assert point.average == sum(values) / len(values)


@pytest.mark.parametrize("rolled_up", [False, True])
def test_a_chart_without_extremes_says_everything_else(workspace: Workspace, *, rolled_up: bool) -> None:
    append_all(history(workspace), NOW)
    if rolled_up:
        settle(NOW)
    names = ["cpu.ratio", "net.rx_bytes[eth0]", "temp_c[cpu]"]
    read = {"workspace_id": workspace.pk, "ref": NODE, "columns": names, "start": MIDNIGHT, "end": NOW}
    whole, averages = selectors.report_chart(**read), selectors.report_chart(**read, extremes=False)

    assert (averages.starts_ms, averages.reports, averages.rollup) == (whole.starts_ms, whole.reports, whole.rollup)
    for name in names:
        bare = [point and point._replace(minimum=None, maximum=None) for point in whole.points[name]]
        assert averages.points[name] == bare
    assert any(point.average is not None for point in averages.points["cpu.ratio"])


@pytest.mark.parametrize("hours", [0.2, 1, 6, 24, 48, 24 * 7, 24 * 30, 24 * 365, 24 * 365 * 5])
def test_a_chart_has_500_aligned_buckets_at_most(workspace: Workspace, hours: float) -> None:
    append_all(history(workspace), NOW)
    settle(NOW)
    end = MIDNIGHT + timedelta(hours=20)
    chart = selectors.report_chart(
        workspace_id=workspace.pk, ref=NODE, columns=["cpu.ratio"], start=end - timedelta(hours=hours), end=end
    )

    assert 0 < len(chart.starts_ms) <= 500
    assert all(start % chart.step_ms == 0 for start in chart.starts_ms)
    assert chart.step_ms >= MINUTE
    assert len(chart.points["cpu.ratio"]) == len(chart.starts_ms) == len(chart.reports)


def test_steps_that_do_not_fit_and_too_many_buckets_are_refused(workspace: Workspace) -> None:
    read = {"workspace_id": workspace.pk, "ref": NODE, "columns": [], "start": MIDNIGHT, "end": NOW}
    for step in (0, -1, 7, 601):
        with pytest.raises(ValueError):
            selectors.report_series(**read, step_s=step)
    with pytest.raises(ValueError):
        selectors.report_series(**read, step_s=3)


def test_what_is_not_reported_is_not_drawn(workspace: Workspace) -> None:
    told = [report(workspace, MIDNIGHT + timedelta(hours=hour), {"cpu.ratio": 0.5}) for hour in (1, 2, 30)]
    append_all(told, NOW)
    settle(NOW)
    chart = selectors.report_chart(
        workspace_id=workspace.pk,
        ref=NODE,
        columns=["cpu.ratio", "nothing"],
        start=MIDNIGHT,
        end=MIDNIGHT + timedelta(hours=40),
    )

    assert chart.rollup == "5m"
    assert sum(chart.reports) == 3
    assert list(chart.points) == ["cpu.ratio"]


def test_raw_reports_go_after_seven_days_and_charts_read_what_stays(workspace: Workspace) -> None:
    append_all(history(workspace), NOW)
    settle(NOW)
    read = {
        "workspace_id": workspace.pk,
        "ref": NODE,
        "columns": ["cpu.ratio"],
        "start": MIDNIGHT,
        "end": MIDNIGHT + timedelta(hours=40),
    }
    before = selectors.report_chart(**read)
    gone = services.expire(now=MIDNIGHT + timedelta(days=8, hours=3))
    after = selectors.report_chart(**read)

    assert (gone.reports, gone.raw, gone.five_minutes) == (27, 0, 0)
    assert (before.rollup, before.step_ms) == ("5m", 5 * MINUTE)
    assert after == before
    assert services.expire(now=MIDNIGHT + timedelta(days=99)).five_minutes == 3


def test_raw_reports_that_a_rollup_still_waits_for_are_kept(workspace: Workspace) -> None:
    append_all(history(workspace, hours=2), NOW)
    services.seal_due(now=NOW)

    assert services.expire(now=NOW + timedelta(days=30)).reports == 0


@pytest.mark.parametrize(("day", "kept"), [(-1, 0), (0, 24), (1, 27), (2, 3)])
def test_raw_reports_that_traffic_still_waits_for_are_kept(workspace: Workspace, day: int, kept: int) -> None:
    append_all(history(workspace), NOW)
    settle(NOW)
    source = Source.objects.get()
    start = epoch_ms(MIDNIGHT) + day * DAY
    mark_windows(workspace_id=workspace.pk, source_id=source.pk, tier=FACTS, starts=[start])

    # Those of the day, and of the day before: its last counters carry in.
    assert services.expire(now=MIDNIGHT + timedelta(days=8, hours=3)).reports == 27 - kept


def test_a_day_that_was_computed_stays_when_its_raw_reports_are_partly_gone(workspace: Workspace) -> None:
    append_all(history(workspace, hours=24), NOW)
    settle(NOW)
    stored = stored_bytes()["blocks"]
    now = MIDNIGHT + timedelta(days=7, hours=6)
    services.expire(now=now)
    services.mark_dirty(workspace_id=workspace.pk, ref=NODE, start_ms=epoch_ms(MIDNIGHT), end_ms=epoch_ms(MIDNIGHT))
    outcome = services.rebuild_dirty(now=now)

    assert (outcome.dropped, outcome.written) == (1, 0)
    assert [row for row in stored if row[0] != REPORTS] == [
        row for row in stored_bytes()["blocks"] if row[0] != REPORTS
    ]


def test_another_workspace_finds_nothing(workspace: Workspace, stranger: Workspace) -> None:
    append_all(history(workspace, hours=2), NOW)
    settle(NOW)
    read = {"ref": NODE, "columns": ["cpu.ratio"], "start": MIDNIGHT, "end": NOW}

    assert selectors.latest_reports(workspace_id=stranger.pk, refs=[NODE]) == {}
    assert selectors.newest_instants({stranger.pk: [NODE]}) == {}
    assert selectors.report_chart(workspace_id=stranger.pk, **read).starts_ms == ()
    assert services.forget(workspace_id=stranger.pk, ref=NODE) == 0
    assert services.forget_workspace(workspace_id=stranger.pk) == 0
    assert selectors.report_chart(workspace_id=workspace.pk, **read).starts_ms


def test_forgetting_a_node_takes_everything_and_nobody_elses(workspace: Workspace, stranger: Workspace) -> None:
    for tenant in (workspace, stranger):
        append_all(history(tenant, hours=2), NOW)
    other = report(workspace, NOW, {"cpu.ratio": 0.5}, ref=Ref("node", 77))
    services.append(rows=[other], now=NOW)
    settle(NOW)
    services.forget(workspace_id=workspace.pk, ref=NODE)

    assert Source.objects.of(workspace.pk).get().ref == "77"
    assert set(Block.objects.of(workspace.pk).values_list("source_id", flat=True)) == {Source.objects.get(ref="77").pk}
    assert Block.objects.of(stranger.pk).filter(tier=REPORTS).count() == 2


def test_a_column_that_is_new_has_its_name_in_the_newest_report(workspace: Workspace) -> None:
    ref = Ref("node", 7)

    def newest(at: datetime, values: dict[str, float]) -> Mapping[str, float]:
        append_all([report(workspace, at, values, ref=ref)], NOW)
        found = selectors.latest_reports(workspace_id=workspace.pk, refs=[ref])[7].values
        return {name: value for name, value in found.items() if name != "interval_ms"}

    assert newest(NOW - timedelta(seconds=2), {"cpu.ratio": 0.5}) == {"cpu.ratio": 0.5}
    assert newest(NOW - timedelta(seconds=1), {"temp_c[a]": 40.5}) == {"temp_c[a]": 40.5}
    assert newest(NOW, {"temp_c[a]": 41.5, "temp_c[b]": 1.5}) == {"temp_c[a]": 41.5, "temp_c[b]": 1.5}


def test_the_newest_of_many_is_read_in_one_statement(workspace: Workspace, django_assert_num_queries) -> None:
    refs = [Ref("node", pk) for pk in range(1, 60)]
    append_all([report(workspace, NOW, {"cpu.ratio": 0.5, "temp_c[a]": 40.5}, ref=ref) for ref in refs], NOW)

    for queries in (2, 1):  # the names of columns are remembered
        with django_assert_num_queries(queries):
            found = selectors.latest_reports(workspace_id=workspace.pk, refs=refs)
        assert len(found) == 59
    with django_assert_num_queries(1):
        assert len(selectors.newest_instants({workspace.pk: refs})) == 59
