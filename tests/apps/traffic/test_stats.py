"""What is said about a cycle: the effective window, how final it is, and what is said of nothing."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.common.clock import epoch_ms
from apps.traffic.cycles import Cycle
from apps.traffic.facts import Rate
from apps.traffic.figures import Figures
from apps.traffic.lite import LiteTotals
from apps.traffic.stats import Scope, billing_stats, lite_stats, no_stats, scope_of, status_of

MARCH = Cycle(datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 4, 1, tzinfo=UTC))


def ms(day: int, hour: int = 0, minute: int = 0) -> int:
    return epoch_ms(MARCH.start + timedelta(days=day - 1, hours=hour, minutes=minute))


def test_an_open_cycle_reaches_up_to_the_bucket_that_holds_now() -> None:
    scope = scope_of(MARCH, now=datetime(2026, 3, 2, 0, 7, 59, tzinfo=UTC))

    assert (scope.start_ms, scope.end_ms, scope.complete) == (ms(1), ms(2, 0, 5), False)
    assert scope.expected == 289


def test_a_cycle_begins_where_node_and_interface_do_but_not_after_its_end() -> None:
    now = datetime(2026, 4, 20, tzinfo=UTC)

    since = (ms(3, 0, 4), ms(5, 0, 9), None, ms(40))
    scope = scope_of(MARCH, now=now, since=since)

    assert (scope.start_ms, scope.end_ms, scope.complete) == (ms(5, 0, 5), ms(32), True)


@pytest.mark.parametrize(
    ("now", "complete", "raw_since", "status"),
    [
        (MARCH.end - timedelta(seconds=1), False, ms(40), "provisional"),
        (MARCH.end, False, None, "grace"),
        (MARCH.end + timedelta(hours=48), False, ms(31), "sealed"),
        (MARCH.end + timedelta(hours=48), True, ms(40), "sealed"),
        (MARCH.end + timedelta(hours=48), False, ms(32), "stale"),
    ],
)
def test_a_cycle_is_as_final_as_its_samples_allow(now, complete, raw_since, status) -> None:
    assert status_of(MARCH, now=now, data_complete=complete, raw_since_ms=raw_since) == status


def test_nothing_known_is_said_without_a_direction() -> None:
    scope = Scope(ms(1), ms(2), complete=False)

    stats = no_stats(scope, p95_enabled=True, lite=False)

    assert (stats.bytes.selected, stats.bytes.direction, stats.peak.direction, stats.p95.direction) == (0, "", "", None)
    assert (stats.coverage.expected, stats.coverage.ratio, stats.coverage.complete) == (288, 0.0, False)
    assert (stats.p95_status, stats.covered_until) == ("insufficient_samples", stats.effective_end)
    assert no_stats(scope, p95_enabled=False, lite=False).p95_status == "disabled"
    assert no_stats(scope, p95_enabled=True, lite=True).p95_status == "lite_mode"


def test_nothing_known_where_nothing_is_expected_is_complete() -> None:
    stats = no_stats(Scope(ms(1), ms(1), complete=False), p95_enabled=True, lite=True)

    assert (stats.coverage.ratio, stats.coverage.complete, stats.partial) == (1.0, True, False)


@pytest.mark.parametrize(("gaps", "resets", "ratio"), [(0, 0, 1.0), (1, 0, 0.0), (0, 1, 0.0)])
def test_lite_is_covered_or_not(gaps: int, resets: int, ratio: float) -> None:
    totals = LiteTotals(10, 20, 3, gaps, resets, Rate(5, 1000), Rate(7, 1000), Rate(9, 1000), ms(1, 5))

    stats = lite_stats(totals, Scope(ms(1), ms(2), complete=False), direction="both")

    assert (stats.coverage.expected, stats.coverage.ratio, stats.coverage.complete) == (0, ratio, ratio == 1)
    assert (stats.bytes.selected, stats.peak.selected, stats.p95.direction) == (30, 9.0, "total")
    assert (stats.p95_enabled, stats.p95_status, stats.p95_unavailable_reason) == (False, "lite_mode", "lite_mode")
    assert epoch_ms(stats.covered_until) == ms(1, 5)
    assert lite_stats(LiteTotals(), Scope(ms(1), ms(2), complete=False), direction="out").covered_until == (
        stats.effective_end
    )


def test_each_metric_chooses_its_own_larger_direction() -> None:
    figures = Figures(
        in_bytes=10,
        out_bytes=9,
        samples=20,
        p95_in=Rate(1, 1000),
        p95_out=Rate(2, 1000),
        p95_both=Rate(3, 1000),
        peak_in=Rate(4, 2000),
        peak_out=Rate(2, 1000),
    )

    stats = billing_stats(figures, Scope(ms(1), ms(1) + 20 * 300_000, complete=True), direction="max", p95_enabled=True)

    assert (stats.bytes.direction, stats.p95.direction, stats.peak.direction) == ("in", "out", "out")
    assert (stats.p95.selected, stats.p95_status) == (2.0, "available")
    assert stats.coverage.complete


def test_a_snapshot_without_percentiles_says_so_and_a_switched_off_one_is_not_asked() -> None:
    old = Figures(samples=40)
    scope = Scope(ms(1), ms(2), complete=True)

    assert billing_stats(old, scope, direction="max", p95_enabled=True).p95_status == "snapshot_without_p95"
    disabled = billing_stats(old, scope, direction="max", p95_enabled=False)
    assert (disabled.p95_status, disabled.p95.selected, disabled.p95.direction) == ("disabled", None, "out")
