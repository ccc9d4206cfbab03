"""Cycles, months and days as surfaces show them, in both modes, from whatever is still there."""

import itertools
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.errors import ConflictError, InvalidInputError
from apps.common.values import Ref
from apps.metrics.models import Block
from apps.metrics.tiers import DAY, FACTS, REPORTS
from apps.nodes.models import Node
from apps.traffic import selectors, services
from apps.traffic.choices import NodeChoice, settings_of, terms_of
from apps.traffic.facts import Sample
from apps.traffic.models import CycleRecord, Interface
from apps.traffic.plans import CycleFaultError, CyclePlan, Mode
from tests.apps.traffic.conftest import NODE, reports_of, seal, send, settle
from tests.replay import dash_traffic

VECTORS = Path(__file__).parents[2] / "vectors"
APRIL = datetime(2026, 4, 1, tzinfo=UTC)
BERLIN = NodeChoice(CyclePlan(zone="Europe/Berlin"), p95=True)


def steady(start: datetime, hours: float, *, step_s: int = 300) -> list[Sample]:
    """Counters that grow by 3,000 and 6,000 bytes every five minutes."""
    begin, count = epoch_ms(start), int(hours * 3600) // step_s
    return [
        Sample(begin + i * step_s * 1000, i * 3000 * step_s // 300, i * 6000 * step_s // 300) for i in range(count + 1)
    ]


def asked(workspace: Any, now: datetime, **more: Any) -> dict[str, Any]:
    return {"workspace": workspace, "ref": NODE, "choice": NodeChoice(p95=True), "iface": "eth0", "now": now, **more}


@pytest.fixture
def billing(workspace: Any) -> Any:
    services.change_settings(workspace=workspace, fields={"usage": "billing"})
    return workspace


@pytest.mark.parametrize(
    "case", json.loads((VECTORS / "dash_lite_usage.json").read_text())["cases"], ids=lambda case: case["id"]
)
def test_lite_cycles_read_from_the_store_are_those_of_the_vectors(workspace, case) -> None:
    samples = dash_traffic.samples_of(case)
    now = from_epoch_ms(samples[-1].ts + 1000)
    send(reports_of(workspace, samples), now)
    seal(now, workspace)
    choice = NodeChoice(dash_traffic.plan_of(case))

    found = selectors.monthly(**asked(workspace, now, choice=choice, months=24))

    shown = [(dash_traffic.written(each.cycle.start), dash_traffic.spelled(each.stats)) for each in reversed(found)]
    assert [start for start, _ in shown] == [each["cycle_start"] for each in case["expect"]]
    for (_, stats), expected in zip(shown, case["expect"], strict=True):
        assert {name: stats[name] for name in expected if name in stats} == {
            name: value for name, value in expected.items() if name in stats
        }
        assert (stats["p95_status"], stats["expected_sample_count"]) == ("lite_mode", 0)


def test_an_open_cycle_begins_with_the_interface_and_ends_with_the_bucket_of_now(billing) -> None:
    start, now = APRIL + timedelta(days=3, hours=2, minutes=7), APRIL + timedelta(days=3, hours=6, minutes=9)
    send(reports_of(billing, steady(start, 4, step_s=60)), now)

    found = selectors.summary(**asked(billing, now))

    stats = found.stats
    assert (found.known, stats.status, stats.cycle_complete) == (True, "provisional", False)
    assert (stats.effective_start, stats.effective_end) == (start - timedelta(minutes=2), now - timedelta(minutes=4))
    # The first bucket is covered for three minutes only, the one that holds now is not counted yet.
    assert (stats.coverage.expected, stats.coverage.samples) == (48, 47)
    assert (stats.bytes.sent, stats.bytes.selected, stats.bytes.direction) == (238 * 1200, 238 * 1200, "out")
    assert (stats.p95_status, stats.p95.sent, stats.peak.sent) == ("available", 20.0, 20.0)


def test_nothing_known_is_an_answer_too(billing) -> None:
    for iface in ("eth0", "all"):
        found = selectors.summary(**asked(billing, APRIL, iface=iface))
        assert (found.known, found.stats.bytes.direction, found.stats.p95_status) == (False, "", "insufficient_samples")
    assert selectors.daily(**asked(billing, APRIL)) == []
    assert selectors.monthly(**asked(billing, APRIL)) == []
    assert selectors.ifaces(workspace_id=billing.pk, ref=NODE) == []


@pytest.mark.parametrize(
    ("month", "change", "samples"), [(3, date(2026, 3, 29), 276), (10, date(2026, 10, 25), 300), (5, None, 288)]
)
def test_days_are_local_and_as_long_as_the_clock_makes_them(billing, month, change, samples) -> None:
    zone_start = datetime(2026, month, 1, tzinfo=UTC) - timedelta(hours=2 if 4 <= month <= 10 else 1)
    end = zone_start + timedelta(days=30, hours=5)
    send(reports_of(billing, steady(zone_start, 30 * 24 + 5)), end)

    days = selectors.daily(**asked(billing, end, choice=BERLIN))

    assert len(days) == 31
    assert all(day.end == after.start for day, after in itertools.pairwise(days))
    lengths = {day.start.date() + timedelta(days=1): day.stats.coverage.expected for day in days[:-1]}
    assert lengths.pop(change, samples) == samples
    assert set(lengths.values()) == {288}
    assert all(day.stats.coverage.complete and day.stats.cycle_complete for day in days[:-1])
    assert (days[-1].stats.cycle_complete, days[-1].stats.status) == (False, "provisional")


def test_days_add_up_to_the_cycle_and_empty_ones_are_listed(billing) -> None:
    now = APRIL + timedelta(days=6)
    rows = [*steady(APRIL, 30), *[sample._replace(ts=sample.ts + 5 * DAY - 1) for sample in steady(APRIL, 10)]]
    send(reports_of(billing, rows[:361] + rows[361 + 20 :]), now)

    days, whole = selectors.daily(**asked(billing, now)), selectors.summary(**asked(billing, now)).stats

    assert len(days) == 6
    assert sum(day.stats.bytes.received for day in days) == whole.bytes.received
    assert sum(day.stats.coverage.samples for day in days) == whole.coverage.samples
    assert sum(day.stats.coverage.gaps + day.stats.coverage.resets for day in days) == 1
    assert (days[3].stats.coverage.samples, days[3].stats.coverage.ratio, days[3].stats.p95_status) == (
        0,
        0.0,
        "insufficient_samples",
    )


def test_lite_knows_no_days(workspace) -> None:
    with pytest.raises(ConflictError) as refused:
        selectors.daily(**asked(workspace, APRIL))

    assert refused.value.code == "traffic_daily_requires_billing"


def test_months_go_backwards_without_those_of_no_data(billing) -> None:
    may = datetime(2026, 5, 10, tzinfo=UTC)
    february = steady(datetime(2026, 2, 10, tzinfo=UTC), 2)
    april = [sample._replace(received=sample.received + 10**9, sent=sample.sent + 10**9) for sample in steady(APRIL, 2)]
    rows = reports_of(billing, february)
    send(rows, datetime(2026, 2, 11, tzinfo=UTC))
    seal(datetime(2026, 2, 11, tzinfo=UTC), billing)
    # A restart in between, so that no bytes belong to March.
    send(reports_of(billing, [april[0]._replace(received=0, sent=0), *april[1:]]), APRIL + timedelta(days=1))
    settle(APRIL + timedelta(days=1), billing)

    current = selectors.monthly(**asked(billing, may, months=12))
    previous = selectors.monthly(**asked(billing, may, months=1, period="previous"))

    assert [each.cycle.start.month for each in current] == [4, 2]
    assert [each.cycle.start.month for each in previous] == [4]
    assert current[0] == previous[0]


def test_an_ended_cycle_is_written_down_and_outlives_its_facts(billing) -> None:
    now = APRIL + timedelta(days=30, hours=2)
    send(reports_of(billing, steady(APRIL, 30 * 24 + 1)), now)
    settle(now, billing)
    reads = [
        selectors.summary(**asked(billing, now, period="previous", choice=NodeChoice(p95=p95, direction=direction)))
        for p95 in (True, False)
        for direction in ("out", "both", "max")
    ]

    assert services.record_ended(now=now) == 1
    assert services.record_ended(now=now + timedelta(hours=40)) == 0
    row = CycleRecord.objects.get()
    assert (row.status, row.samples, row.expected) == (CycleRecord.Status.GRACE, 8640, 8640)
    later = now + timedelta(hours=48)
    assert services.record_ended(now=later) == 1
    assert services.record_ended(now=later + timedelta(days=20)) == 0
    Block.objects.filter(tier__in=[FACTS, REPORTS]).delete()

    again = [
        selectors.summary(**asked(billing, later, period="previous", choice=NodeChoice(p95=p95, direction=direction)))
        for p95 in (True, False)
        for direction in ("out", "both", "max")
    ]

    assert {each.stats.status for each in again} == {"sealed"}
    for before, after in zip(reads, again, strict=True):
        old, new = (dash_traffic.spelled(each.stats) for each in (before, after))
        assert old | {"status": "sealed"} == new


def test_a_written_cycle_says_in_lite_mode_what_its_samples_said(workspace) -> None:
    now = APRIL + timedelta(days=30, hours=2)
    send(reports_of(workspace, steady(APRIL, 30 * 24 + 1, step_s=240)), now)
    settle(now, workspace)
    before = selectors.summary(**asked(workspace, now, period="previous")).stats
    services.record_ended(now=now + timedelta(hours=48))
    Block.objects.filter(tier__in=[FACTS, REPORTS]).delete()

    after = selectors.summary(**asked(workspace, now, period="previous")).stats

    assert before == after
    assert (before.coverage.samples, before.peak.sent, before.p95_status) == (10800, 20.0, "lite_mode")


def test_a_node_with_a_plan_of_its_own_gets_the_rows_of_its_own_cycles(billing) -> None:
    now = APRIL + timedelta(days=20)
    plan = CyclePlan(Mode.CLAMP, 15, zone="Europe/Berlin").document
    node = Node.objects.create(workspace=billing, number=1, created_at=APRIL, cycle=plan)
    send(reports_of(billing, steady(APRIL, 24 * 20), ref=node.ref), now)
    settle(now, billing, node.ref)

    assert services.record_ended(now=now) == 1

    row = CycleRecord.objects.get()
    ends = [from_epoch_ms(ms).isoformat() for ms in (row.cycle_start, row.cycle_end)]
    assert ends == ["2026-03-14T23:00:00+00:00", "2026-04-14T22:00:00+00:00"]
    assert row.out_bytes == (13 * 288 + 22 * 12) * 6000


def test_late_samples_take_the_row_of_an_incomplete_cycle_away_and_leave_a_complete_one(billing) -> None:
    now = APRIL + timedelta(days=33)
    whole = steady(APRIL, 33 * 24)
    hole = [*whole[:100], *whole[110:]]
    send(reports_of(billing, hole), now)
    settle(now, billing)
    services.record_ended(now=now)
    assert CycleRecord.objects.get().gaps == 1
    send(reports_of(billing, whole[100:110]), now)
    settle(now, billing)
    assert not CycleRecord.objects.exists()

    services.record_ended(now=now)

    row = CycleRecord.objects.get()
    assert (row.gaps, row.samples, row.status) == (0, row.expected, CycleRecord.Status.SEALED)
    send(reports_of(billing, [whole[200]._replace(ts=whole[200].ts + 5)]), now)
    settle(now, billing)
    assert CycleRecord.objects.get().pk == row.pk


def test_the_bytes_of_a_long_silence_reach_the_cycle_it_began_in(billing) -> None:
    now, silent = APRIL + timedelta(days=32), steady(APRIL, 29 * 24)
    send(reports_of(billing, silent), now)
    settle(now, billing)
    services.record_ended(now=now)
    row = CycleRecord.objects.get()
    back = APRIL + timedelta(days=33)
    send(reports_of(billing, [Sample(epoch_ms(back), silent[-1].received + 4000, silent[-1].sent + 4000)]), back)
    settle(back + timedelta(seconds=1), billing)

    services.record_ended(now=back)

    assert CycleRecord.objects.get().in_bytes == row.in_bytes + 1000


def test_an_incomplete_cycle_whose_raw_samples_are_gone_is_stale(billing) -> None:
    now = APRIL + timedelta(days=30, hours=2)
    send(reports_of(billing, steady(APRIL, 24)), now)
    settle(now, billing)

    stats = selectors.summary(**asked(billing, now + timedelta(days=90), period="current")).stats
    services.record_ended(now=now + timedelta(days=30))
    later = selectors.monthly(**asked(billing, now + timedelta(days=90)))

    assert not stats.coverage.samples
    assert [each.stats.status for each in later] == ["stale"]


def test_a_node_overrides_its_workspace_and_another_plan_is_reckoned_at_once(billing) -> None:
    now = APRIL + timedelta(days=20)
    send(reports_of(billing, steady(APRIL, 24 * 20)), now)
    settle(now, billing)
    choice = NodeChoice(CyclePlan(Mode.CLAMP, 15), "both", p95=True)

    found = selectors.summary(**asked(billing, now, choice=choice))

    assert (found.cycle.start, found.terms.plan.zone) == (APRIL + timedelta(days=14), "UTC")
    assert (found.stats.bytes.direction, found.stats.bytes.selected) == ("total", 6 * 288 * 9000)


def test_quotas_are_measured_over_all_interfaces_of_many_nodes(billing, stranger) -> None:
    now, other = APRIL + timedelta(days=2), Ref("node", 8)
    send([*reports_of(billing, steady(APRIL, 48)), *reports_of(billing, steady(APRIL, 24), ref=other)], now)
    seal(now + timedelta(seconds=1), billing)
    seal(now + timedelta(seconds=1), billing, other)

    refs = [NODE, other, Ref("node", 9)]
    used = selectors.bytes_since(workspace_id=billing.pk, refs=refs, start=APRIL + timedelta(hours=24))

    assert used == {NODE: (288 * 3000, 288 * 6000), other: (0, 0)}
    assert selectors.bytes_since(workspace_id=stranger.pk, refs=[NODE], start=APRIL) == {}
    assert selectors.bytes_since(workspace_id=billing.pk, refs=[NODE], start=APRIL, iface="lo") == {NODE: (0, 0)}


@pytest.mark.parametrize(("gained", "expected"), [((70, 90), (70, 90)), ((0, 0), (0, 0)), ((-1, 50), (0, 0))])
def test_quotas_go_on_from_what_was_sealed_to_the_newest_reading(billing, gained, expected) -> None:
    now = APRIL + timedelta(days=2)
    send(reports_of(billing, steady(APRIL, 48)), now)
    seal(now + timedelta(seconds=1), billing)
    row = Interface.objects.get()
    newest = {"eth0": (row.received + gained[0], row.sent + gained[1]), "eth9": (5, 5)}

    def used(**more) -> tuple[int, int]:
        return selectors.bytes_since(workspace_id=billing.pk, refs=[NODE], start=APRIL, **more)[NODE]

    before, after = used(), used(counters={NODE: newest})

    assert (after[0] - before[0], after[1] - before[1]) == expected


def test_settings_of_a_workspace_are_defaults_until_they_are_set(workspace, stranger) -> None:
    workspace.timezone = "Asia/Tokyo"
    workspace.save()

    terms = terms_of(workspace, NodeChoice())
    assert (terms.plan, terms.direction, terms.lite) == (CyclePlan(zone="Asia/Tokyo"), "out", True)
    services.change_settings(
        workspace=workspace,
        fields={"mode": "clamp_to_month_end", "start_day": 31, "direction": "max", "guests_by_node": True},
    )
    services.change_settings(workspace=workspace, fields={"usage": "billing", "zone": "UTC"})

    row = settings_of(workspace)
    assert (row.plan, row.direction, row.usage) == (CyclePlan(Mode.CLAMP, 31, None, "UTC"), "max", "billing")
    assert row.guests_by_node
    assert not settings_of(stranger).guests_by_node


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"usage": "heavy"}, InvalidInputError),
        ({"direction": "in"}, InvalidInputError),
        ({"direction": ["out"]}, InvalidInputError),
        ({"guests_by_node": 1}, InvalidInputError),
        ({"start_day": 32}, CycleFaultError),
        ({"usage": "billing", "zone": "Mars/Olympus"}, CycleFaultError),
    ],
)
def test_settings_that_cannot_be_change_nothing(workspace, fields, error) -> None:
    services.change_settings(workspace=workspace, fields={"direction": "both"})

    with pytest.raises(error):
        services.change_settings(workspace=workspace, fields=fields)

    row = settings_of(workspace)
    assert (row.direction, row.usage, row.plan) == ("both", "lite", CyclePlan())
