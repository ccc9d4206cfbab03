"""Replays of the Dash traffic files and of rollup_traffic through the product's own rules."""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import chain
from typing import Any
from zoneinfo import ZoneInfo

from apps.common.clock import epoch_ms, from_epoch_ms, parse_iso
from apps.metrics.rows import first_stored
from apps.traffic.cycles import Cycle, cycle_at, cycles_back
from apps.traffic.facts import BUCKET_MS, MAX_GAP_MS, MIN_COVERED_MS, Fact, Facts, Rate, Sample, facts_of
from apps.traffic.figures import figures_of
from apps.traffic.lite import lite_totals
from apps.traffic.p95 import MIN_SAMPLES, percentile_and_peak, rank
from apps.traffic.plans import CycleFaultError, CyclePlan, Fault, Mode, anchor_text, plan_asked_for
from apps.traffic.stats import Scope, TrafficStats, billing_stats, lite_stats, no_stats
from tests.replay.rollups import near, same
from tests.replay.uptime import instant

Document = dict[str, Any]

PREFIX = "traffic_billing_"
FIELDS = {"mode": "traffic_cycle_mode", "start_day": f"{PREFIX}start_day", "anchor": f"{PREFIX}anchor_date"}
FIELDS["zone"] = f"{PREFIX}timezone"
FAULTS = {
    Fault.INCOMPLETE: "invalid_traffic_cycle_settings",
    Fault.MODE: "invalid_traffic_cycle_mode",
    Fault.START_DAY: f"invalid_{PREFIX}start_day",
    Fault.ANCHOR: f"invalid_{PREFIX}anchor_date",
    Fault.ZONE: f"invalid_{PREFIX}timezone",
}


def plan_of(case: Document) -> CyclePlan:
    """The plan that a case's fields name."""
    anchor = case.get("billing_anchor_date")
    mode, day = Mode(case.get("cycle_mode") or case["mode"]), case["billing_start_day"]
    return CyclePlan(mode, day, date.fromisoformat(anchor) if anchor else None, case["timezone"]).normal


def written(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def alternative(expected: str, zone_name: str) -> set[str]:
    """A boundary, and the first instant of the local day it stands for: what a leap over midnight allows."""
    at, zone = parse_iso(expected), ZoneInfo(zone_name)
    day = (at + timedelta(hours=2)).astimezone(zone).date()
    instant = datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
    return {expected, written(instant)}


def cycles(_: Document, case: Document) -> None:
    plan, expected = plan_of(case), case["expect"]
    found = cycles_back(plan, parse_iso(case["ref"]), 3)
    got = {
        "cycle_start": written(found[0].start),
        "cycle_end": written(found[0].end),
        "previous_cycle_start": written(found[1].start),
        "previous_previous_cycle_start": written(found[2].start),
    }
    for name, text in got.items():
        lenient = case.get("accept_alternative_boundary")
        accepted = alternative(expected[name], case["timezone"]) if lenient else {expected[name]}
        same(f"{name} {text} in {accepted}", text in accepted, True)
    same("neighbours touch", [found[1].end, found[2].end], [found[0].start, found[1].start])
    same("the start belongs to it", cycle_at(plan, found[0].start), found[0])
    same("day", plan.start_day, expected["billing_start_day"])
    same("anchor", anchor_text(plan), expected["billing_anchor_date"])


def node_cycle_patch(_: Document, case: Document) -> None:
    patch, expected = case["patch"], case["expect"]
    fields = {name: patch[wire] for name, wire in FIELDS.items() if wire in patch}
    try:
        plan = plan_asked_for(fields, zone="UTC")
    except CycleFaultError as error:
        same("refused", [400, FAULTS[error.fault]], [expected["status"], expected.get("code")])
        return
    kept = plan or CyclePlan()
    stored = [str(plan.mode) if plan else "default", kept.start_day, anchor_text(kept), kept.zone]
    same("stored", dict(zip(FIELDS.values(), stored, strict=True)), expected.get("stored"))


def samples_of(case: Document) -> list[Sample]:
    rows = [(instant(row["t"]), (row["bytes_recv"], row["bytes_sent"])) for row in case["samples"]]
    return [Sample(ts, *counters) for ts, counters in first_stored(rows)]


def within(facts: Iterable[Fact], case: Document) -> list[Fact]:
    start, end = instant(case["window_start"]), instant(case["window_end"])
    return [fact for fact in facts if start <= fact.bucket_ms < end]


def number(text: str) -> Fraction:
    """A rate of a file; `33.0` and `33` are one."""
    return Fraction(text).limit_denominator(1_000_000)


def traffic_facts(_: Document, case: Document) -> None:
    got = [
        {
            "bucket": written(from_epoch_ms(fact.bucket_ms)),
            "in_bytes": fact.in_bytes,
            "out_bytes": fact.out_bytes,
            "covered_sec": fact.covered_ms / 1000,
            "sample_count": int(fact.valid),
            "in_rate_bytes_per_sec": Rate(fact.in_bytes, fact.covered_ms).per_second if fact.valid else 0,
            "out_rate_bytes_per_sec": Rate(fact.out_bytes, fact.covered_ms).per_second if fact.valid else 0,
            "gap_count": fact.gaps,
            "reset_count": fact.resets,
        }
        for fact in within(facts_of(samples_of(case)), case)
    ]
    same("buckets", [row["bucket"] for row in got], [row["bucket"] for row in case["expect"]])
    for row, expected in zip(got, case["expect"], strict=True):
        for name, value in expected.items():
            agree(f"{row['bucket']} {name}", row[name], value)


def agree(label: str, got: Any, expected: Any) -> None:
    """Equal; fractions to the last digits of a float."""
    if isinstance(expected, float) and isinstance(got, float | int):
        near(label, got, expected, 1e-9 * max(1.0, abs(expected)))
    else:
        same(label, got, expected)


def given(row: Document) -> list[Fact]:
    """A fact of a statistics file: the time it covers follows from its bytes and its rate."""
    rates = [(row["in_bytes"], row["in_rate_bytes_per_sec"]), (row["out_bytes"], row["out_rate_bytes_per_sec"])]
    covered = next((round(total * 1000 / number(rate)) for total, rate in rates if rate), 300_000)
    fit = bool(row["sample_count"])
    fact = Fact(instant(row["bucket"]), row["in_bytes"], row["out_bytes"], covered, gap_ms=0 if fit else covered)
    # Counted apart, so that a file may say of a sample what no counter could make of it.
    faults = Fact(fact.bucket_ms, gaps=row["gap_count"], resets=row["reset_count"])
    return [fact, faults]


def spelled(stats: TrafficStats) -> Document:
    """The block of contract Dash 8.3, as far as the files look at it."""
    figures = {
        "in_bytes": stats.bytes.received,
        "out_bytes": stats.bytes.sent,
        "p95_enabled": stats.p95_enabled,
        "p95_status": stats.p95_status,
        "in_p95_bytes_per_sec": stats.p95.received,
        "out_p95_bytes_per_sec": stats.p95.sent,
        "in_peak_bytes_per_sec": stats.peak.received,
        "out_peak_bytes_per_sec": stats.peak.sent,
        "selected_bytes": stats.bytes.selected,
        "selected_p95_bytes_per_sec": stats.p95.selected,
        "selected_peak_bytes_per_sec": stats.peak.selected,
        "selected_bytes_direction": stats.bytes.direction,
        "selected_peak_direction": stats.peak.direction,
        "sample_count": stats.coverage.samples,
        "expected_sample_count": stats.coverage.expected,
        "coverage_ratio": stats.coverage.ratio,
        "gap_count": stats.coverage.gaps,
        "reset_count": stats.coverage.resets,
        "data_complete": stats.coverage.complete,
        "partial": stats.partial,
        "effective_start": written(stats.effective_start),
        "effective_end": written(stats.effective_end),
        "covered_until": written(stats.covered_until),
        "cycle_complete": stats.cycle_complete,
        "status": stats.status,
    }
    if stats.p95.direction is not None:
        figures["selected_p95_direction"] = stats.p95.direction
    if stats.p95_unavailable_reason is not None:
        figures["p95_unavailable_reason"] = stats.p95_unavailable_reason
    return figures


def traffic_stats(_: Document, case: Document) -> None:
    start, end = instant(case["window_start"]), instant(case["window_end"])
    scope, enabled = Scope(start, end, complete=True), case["traffic_p95_enabled"]
    lite = case["usage_mode"] == "lite"
    facts = Facts.of(within(chain.from_iterable(map(given, case["facts"])), case))
    for direction, expected in case["expect_by_direction_mode"].items():
        if not len(facts):
            stats = no_stats(scope, p95_enabled=enabled, lite=lite)
        elif lite:
            stats = lite_stats(lite_totals(facts, start), scope, direction=direction)
        else:
            stats = billing_stats(figures_of(facts), scope, direction=direction, p95_enabled=enabled)
        got = spelled(stats)
        for name, value in expected.items():
            agree(f"{direction} {name}", got.get(name), value)
        for name in ("selected_p95_direction", "p95_unavailable_reason"):
            same(f"{direction} says {name}", name in got, name in expected)


def percentile(_: Document, case: Document) -> None:
    rates = [Rate(value * 1000, 1000) if isinstance(value, int) else in_parts(value) for value in case["values"]]
    found = percentile_and_peak([rate.bytes for rate in rates], [rate.ms for rate in rates])[0]
    same("n", len(rates), case["n"])
    same("drop", rank(len(rates)), case["drop"])
    agree("reported", found and found.per_second / 1000, case["reported"])
    ordered = sorted(rates, key=lambda rate: Fraction(rate.bytes, rate.ms), reverse=True)
    if ordered:
        agree("forced", ordered[rank(len(rates))].per_second / 1000, case["value_when_forced"])


def in_parts(value: float) -> Rate:
    fraction = number(str(value))
    return Rate(fraction.numerator * 1000, fraction.denominator * 1000)


def lite_usage(_: Document, case: Document) -> None:
    plan, facts = plan_of(case), facts_of(samples_of(case))
    by_start: dict[Cycle, list[Fact]] = {}
    for fact in facts:
        by_start.setdefault(cycle_at(plan, from_epoch_ms(fact.bucket_ms)), []).append(fact)
    got = []
    for cycle, inside in by_start.items():
        totals = lite_totals(Facts.of(inside), epoch_ms(cycle.start))
        got.append(
            {
                "cycle_start": written(cycle.start),
                "cycle_end": written(cycle.end),
                "in_bytes": totals.in_bytes,
                "out_bytes": totals.out_bytes,
                "in_peak_bytes_per_sec": totals.peak_in.per_second,
                "out_peak_bytes_per_sec": totals.peak_out.per_second,
                "both_peak_bytes_per_sec": totals.peak_both.per_second,
                "sample_count": totals.samples,
                "gap_count": totals.gaps,
                "reset_count": totals.resets,
            }
        )
    same("cycles", [row["cycle_start"] for row in got], [row["cycle_start"] for row in case["expect"]])
    for row, expected in zip(got, case["expect"], strict=True):
        for name, value in expected.items():
            agree(f"{row['cycle_start']} {name}", row[name], value)


FACT_FIELDS = (
    *("bucket_ms", "in_bytes", "out_bytes", "covered_ms", "gaps", "resets"),
    *("reset_in_bytes", "reset_out_bytes"),
)


def rolled(facts: Iterable[Fact]) -> list[Document]:
    return [{**{name: getattr(fact, name) for name in FACT_FIELDS}, "valid": fact.valid} for fact in facts]


def fraction_of(rate: Rate | None) -> Document | None:
    if rate is None:
        return None
    fraction = Fraction(rate.bytes * 1000, rate.ms)
    return {"num": fraction.numerator, "den": fraction.denominator, "float": round(rate.per_second, 6)}


def rollup(document: Document, case: Document) -> None:
    limits = (document["bucket_ms"], document["max_gap_ms"], document["min_covered_ms"], document["min_p95_samples"])
    same("limits", (BUCKET_MS, MAX_GAP_MS, MIN_COVERED_MS, MIN_SAMPLES), limits)
    arrived: list[tuple[int, tuple[int, int]]] = []
    facts: list[Fact] = []
    for index, batch in enumerate(case["batches"]):
        arrived += [(ts, (received, sent)) for ts, received, sent in batch]
        facts = facts_of([Sample(ts, *counters) for ts, counters in first_stored(arrived)])
        if case["after_each_batch"]:
            same(f"after batch {index}", rolled(facts), case["after_each_batch"][index])
    same("facts", rolled(facts), case["facts"])
    totals = {name: sum(getattr(fact, name) for fact in facts) for name in FACT_FIELDS[1:]}
    same("total", totals, case["total"])
    figures = figures_of(Facts.of(facts))
    rates = {"in": figures.p95_in, "out": figures.p95_out, "both": figures.p95_both}
    found = {"samples": figures.samples, **{name: fraction_of(rate) for name, rate in rates.items()}}
    same("p95", found, case["p95"])


CASES: dict[str, Callable[[Document, Document], None]] = {
    "dash_billing_cycles": cycles,
    "dash_node_cycle_patch": node_cycle_patch,
    "dash_traffic_facts": traffic_facts,
    "dash_traffic_stats": traffic_stats,
    "dash_p95": percentile,
    "dash_lite_usage": lite_usage,
    "rollup_traffic": rollup,
}
