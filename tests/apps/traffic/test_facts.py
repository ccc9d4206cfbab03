"""Facts from counters: nothing lost, nothing made, and the same however the samples were batched."""

import itertools
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.traffic.facts import (
    BUCKET_MS,
    MAX_GAP_MS,
    Fact,
    Facts,
    Meter,
    Rate,
    Sample,
    facts_of,
    read_through,
)
from apps.traffic.figures import figures_of
from apps.traffic.lite import lite_totals
from apps.traffic.p95 import percentile_and_peak

START = 1_775_001_600_000

steps = st.tuples(
    st.integers(1, 5)
    | st.integers(1, 40_000)
    | st.integers(MAX_GAP_MS - 1, MAX_GAP_MS + 1)
    | st.integers(1, 4_000_000),
    st.integers(0, 3) | st.integers(0, 2**50),
    st.integers(0, 3) | st.integers(0, 2**50),
    st.sampled_from([False] * 9 + [True]),
)


@st.composite
def series(draw: st.DrawFn) -> list[Sample]:
    """Samples in order of time; now and then a counter begins again."""
    ts, received, sent = START + draw(st.integers(0, 400_000)), draw(st.integers(0, 2**62)), draw(st.integers(0, 2**62))
    samples = [Sample(ts, received, sent)]
    for wait, more_in, more_out, restarts in draw(st.lists(steps, max_size=40)):
        ts += wait
        received, sent = (more_in, more_out) if restarts else (received + more_in, sent + more_out)
        samples.append(Sample(ts, received, sent))
    return samples


@given(samples=series(), data=st.data())
def test_any_batching_gives_the_same_facts(samples: list[Sample], data: st.DataObject) -> None:
    cut = data.draw(st.integers(0, len(samples)))
    meter = Meter()
    closed = read_through(meter, samples[:cut])
    # What is remembered between batches is a last pair of counters and an open bucket.
    resumed = Meter(meter.last, meter.open if meter.last else None)
    closed += read_through(resumed, samples[max(0, cut - 3) :])

    assert [*closed, *([resumed.open] if resumed.open.exists else [])] == facts_of(samples)


@given(samples=series())
def test_bytes_and_milliseconds_are_conserved(samples: list[Sample]) -> None:
    whole = [
        (later.received - sample.received, later.sent - sample.sent, later.ts - sample.ts)
        for sample, later in itertools.pairwise(samples)
        if later.received >= sample.received and later.sent >= sample.sent
    ]
    facts = Facts.of(facts_of(samples))

    totals = tuple(facts.total(name) for name in ("in_bytes", "out_bytes", "covered_ms"))
    assert totals == tuple(sum(part) for part in zip(*whole, strict=True)) or (not whole and totals == (0, 0, 0))
    assert facts.total("resets") == len(samples) - 1 - len(whole)
    assert facts.total("gaps") == sum(ms > MAX_GAP_MS for _, _, ms in whole)
    assert lite_totals(facts, 0).samples == sum(ms <= MAX_GAP_MS and bool(i or o) for i, o, ms in whole)
    assert min([0, *facts.columns["in_bytes"], *facts.columns["out_bytes"]]) == 0


@given(samples=series())
def test_buckets_ascend_and_hold_no_more_than_their_time(samples: list[Sample]) -> None:
    facts = facts_of(samples)

    assert [fact.bucket_ms for fact in facts] == sorted({fact.bucket_ms for fact in facts})
    assert all(fact.exists and fact.bucket_ms % BUCKET_MS == 0 for fact in facts)
    assert all(0 <= fact.gap_ms <= fact.covered_ms <= BUCKET_MS for fact in facts)
    assert Facts.of(facts).rows() == facts


@given(samples=series(), border=st.integers(0, 20))
def test_a_month_split_at_a_bucket_edge_loses_nothing(samples: list[Sample], border: int) -> None:
    facts, edge = facts_of(samples), START + border * BUCKET_MS
    whole = lite_totals(Facts.of(facts), 0)
    early, late = (
        lite_totals(Facts.of([fact for fact in facts if (fact.bucket_ms < edge) is side]), edge)
        for side in (True, False)
    )

    assert (early.in_bytes + late.in_bytes, early.out_bytes + late.out_bytes) == (whole.in_bytes, whole.out_bytes)
    assert early.resets + late.resets == whole.resets
    # The pair over the border counts on both sides.
    over = sum(sample.ts < edge < later.ts for sample, later in itertools.pairwise(samples))
    assert 0 <= early.samples + late.samples + early.gaps + late.gaps - whole.samples - whole.gaps <= over


def test_a_gap_over_the_border_of_cycles_is_one_of_both() -> None:
    edge = START + 2 * BUCKET_MS
    facts = facts_of([Sample(START, 0, 0), Sample(edge + BUCKET_MS, 900, 900)])

    early, late = lite_totals(Facts.of(facts[:2]), START), lite_totals(Facts.of(facts[2:]), edge)

    assert [(part.in_bytes, part.gaps, part.samples) for part in (early, late)] == [(600, 1, 0), (300, 1, 0)]


def test_the_same_instant_twice_and_an_older_one_change_nothing() -> None:
    samples = [Sample(START, 0, 0), Sample(START + 10_000, 10, 10)]

    assert facts_of([*samples, Sample(START + 10_000, 99, 0), Sample(START + 5_000, 5, 5)]) == facts_of(samples)


def test_the_peak_of_a_pair_leaves_gaps_out_and_keeps_the_earlier_of_equal_rates() -> None:
    samples = [
        Sample(START, 0, 0),
        Sample(START + 1_000, 50, 0),
        Sample(START + 3_000, 150, 10),
        Sample(START + 5 * BUCKET_MS, 10**9, 10**9),
    ]

    totals = lite_totals(Facts.of(facts_of(samples)), START)

    assert (totals.peak_in, totals.peak_out, totals.peak_both) == (Rate(50, 1000), Rate(10, 2000), Rate(110, 2000))
    assert totals.until_ms == START + 3_000


rates = st.lists(st.tuples(st.integers(0, 2**60), st.integers(270_000, BUCKET_MS)), min_size=20, max_size=70)


@given(rows=rates)
def test_the_percentile_is_the_one_of_exact_fractions(rows: list[tuple[int, int]]) -> None:
    volumes, times = zip(*rows, strict=True)

    found, peak = percentile_and_peak(volumes, times)

    exact = sorted((Fraction(volume, ms) for volume, ms in rows), reverse=True)
    assert found is not None
    assert Fraction(found.bytes, found.ms) == exact[len(rows) // 20]
    assert Fraction(peak.bytes, peak.ms) == exact[0]


@given(rows=st.lists(st.tuples(st.integers(0, 2**50), st.integers(0, 2**50)), min_size=20, max_size=60))
def test_both_is_the_percentile_of_sums_and_not_the_sum_of_percentiles(rows: list[tuple[int, int]]) -> None:
    facts = [Fact(START + index * BUCKET_MS, *row, covered_ms=BUCKET_MS) for index, row in enumerate(rows)]

    figures = figures_of(Facts.of(facts))

    sums = sorted((received + sent for received, sent in rows), reverse=True)
    assert figures.p95_both == Rate(sums[len(rows) // 20], BUCKET_MS)
    assert figures.peak_both == Rate(sums[0], BUCKET_MS)


@pytest.mark.parametrize(
    ("fact", "valid"),
    [
        (Fact(0, covered_ms=270_000), True),
        (Fact(0, covered_ms=269_999), False),
        (Fact(0, covered_ms=300_000, gap_ms=1), False),
        (Fact(0, covered_ms=300_000, resets=1), False),
    ],
)
def test_a_sample_is_a_bucket_without_gap_and_reset_and_enough_of_it(fact: Fact, valid: bool) -> None:
    assert fact.valid is valid
    assert Facts.of([fact]).valid() == [0] * valid
