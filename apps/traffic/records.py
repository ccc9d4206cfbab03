"""Cycles that are over: their figures as rows for ever, so that neither facts nor raw samples are needed again."""

from collections.abc import Mapping
from typing import Any

from django.db.models import F

from apps.metrics.models import Block, Source
from apps.metrics.packing import INT64
from apps.metrics.tiers import FACTS
from apps.traffic.facts import Rate
from apps.traffic.figures import Figures
from apps.traffic.lite import LiteTotals
from apps.traffic.models import CycleRecord
from apps.traffic.stats import Status

_FIGURES = ("in_bytes", "out_bytes", "reset_in_bytes", "reset_out_bytes", "samples", "gaps", "resets")
_PERCENTILES = ("p95_in", "p95_out", "p95_both")
_PEAKS = ("peak_in", "peak_out", "peak_both")
STATUSES: Mapping[Status, CycleRecord.Status] = {
    "grace": CycleRecord.Status.GRACE,
    "sealed": CycleRecord.Status.SEALED,
    "stale": CycleRecord.Status.STALE,
}


def columns_of(figures: Figures, totals: LiteTotals) -> dict[str, Any]:
    """Both kinds of figures as the columns of a row."""
    columns: dict[str, Any] = {name: min(getattr(figures, name), INT64 - 1) for name in _FIGURES}
    columns |= {"lite_samples": totals.samples, "lite_gaps": totals.gaps, "lite_until": totals.until_ms}
    rates = {name: getattr(figures, name) for name in (*_PERCENTILES, *_PEAKS)}
    rates |= {f"lite_{name}": getattr(totals, name) for name in _PEAKS}
    for name, rate in rates.items():
        columns[f"{name}_num"] = None if rate is None else min(rate.bytes, INT64 - 1)
        columns[f"{name}_den"] = None if rate is None else rate.ms
    return columns


def figures_in(record: CycleRecord) -> Figures:
    """The exact figures of a row."""
    rates: dict[str, Any] = {name: _rate(record, name) for name in (*_PERCENTILES, *_PEAKS)}
    return Figures(**{name: getattr(record, name) for name in _FIGURES}, **rates)


def totals_in(record: CycleRecord) -> LiteTotals:
    """The running totals of a row."""
    return LiteTotals(
        in_bytes=record.in_bytes,
        out_bytes=record.out_bytes,
        samples=record.lite_samples,
        gaps=record.lite_gaps,
        resets=record.resets,
        until_ms=record.lite_until,
        **{name: _rate(record, f"lite_{name}") or Rate(0, 0) for name in _PEAKS},
    )


def reopen(source: Source, start_ms: int, end_ms: int, *, complete_too: bool = False) -> int:
    """Let go of figures that facts of [start, end) may change, to be made again; how many.

    Complete ones are kept as they are unless asked for, and so are those whose facts are no longer all there.
    """
    days = Block.objects.of(source.workspace_id).filter(source_id=source.pk, tier=FACTS)
    oldest = days.order_by("t0").values_list("t0", flat=True).first()
    if oldest is None:
        return 0
    records = CycleRecord.objects.of(source.workspace_id).filter(source_id=source.pk, since__gte=oldest)
    touched = records.filter(cycle_start__lt=end_ms, cycle_end__gt=start_ms)
    if not complete_too:
        touched = touched.exclude(samples__gte=F("expected"), gaps=0, resets=0)
    return int(touched.delete()[0])


def _rate(record: CycleRecord, name: str) -> Rate | None:
    num, den = getattr(record, f"{name}_num"), getattr(record, f"{name}_den")
    return None if num is None or den is None else Rate(num, den)
