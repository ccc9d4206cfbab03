"""Traffic as Dash spells it: settings, cycles, days (contract Dash 8). Nothing is reckoned here."""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from apps.common.clock import iso_s
from apps.traffic.choices import Terms
from apps.traffic.cycles import Cycle
from apps.traffic.models import Settings
from apps.traffic.plans import anchor_text
from apps.traffic.rebuilds import RebuildState
from apps.traffic.selectors import CycleSummary, DaySummary
from apps.traffic.stats import TrafficStats

# What is set, by Dash's name and by ours.
FIELDS: Mapping[str, str] = {
    "guest_access_mode": "guests_by_node",
    "usage_mode": "usage",
    "cycle_mode": "mode",
    "billing_start_day": "start_day",
    "billing_anchor_date": "anchor",
    "billing_timezone": "zone",
    "direction_mode": "direction",
}
GUESTS: Mapping[Any, bool] = {"disabled": False, "by_node": True}
FAILURES = {"failed": "traffic rebuild failed", "timeout": "traffic rebuild timed out"}
FAILURES["canceled"] = "traffic rebuild was canceled"


class SettingsShape(Struct):
    guest_access_mode: str
    usage_mode: str
    cycle_mode: str
    billing_start_day: int
    billing_anchor_date: str
    billing_timezone: str
    direction_mode: str


class CycleShape(Struct, kw_only=True):
    mode: str
    billing_start_day: int
    billing_anchor_date: str | UnsetType = UNSET
    timezone: str
    start: str
    end: str


class StatsShape(Struct, kw_only=True):
    in_bytes: int
    out_bytes: int
    p95_enabled: bool
    p95_status: str
    p95_unavailable_reason: str | UnsetType = UNSET
    in_p95_bytes_per_sec: float | None
    out_p95_bytes_per_sec: float | None
    in_peak_bytes_per_sec: float
    out_peak_bytes_per_sec: float
    selected_bytes: int
    selected_p95_bytes_per_sec: float | None
    selected_peak_bytes_per_sec: float
    selected_bytes_direction: str
    selected_p95_direction: str | UnsetType = UNSET
    selected_peak_direction: str
    sample_count: int
    expected_sample_count: int
    effective_start: str
    effective_end: str
    coverage_ratio: float
    covered_until: str
    gap_count: int
    reset_count: int
    cycle_complete: bool
    data_complete: bool
    status: str
    partial: bool


class SummaryShape(Struct, kw_only=True):
    server_id: int
    server_name: str | UnsetType = UNSET
    iface: str
    usage_mode: str
    direction_mode: str
    cycle: CycleShape
    stats: StatsShape


class DayShape(Struct):
    server_id: int
    iface: str
    usage_mode: str
    direction_mode: str
    start: str
    end: str
    stats: StatsShape


class RebuildShape(Struct):
    server_id: int
    status: str
    running: bool
    started_at: str | UnsetType = UNSET
    finished_at: str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


def settings_shape(settings: Settings) -> SettingsShape:
    """What a workspace set; its own zone where it names none."""
    return SettingsShape(
        guest_access_mode="by_node" if settings.guests_by_node else "disabled",
        usage_mode=settings.usage,
        cycle_mode=settings.mode,
        billing_start_day=settings.start_day,
        billing_anchor_date=anchor_text(settings.plan),
        billing_timezone=settings.zone or settings.workspace.timezone,
        direction_mode=settings.direction,
    )


def fields_of(sent: Mapping[str, Any]) -> dict[str, Any]:
    """What was sent, by our names; whatever cannot be stays as it is, for the service to refuse."""
    fields = {ours: sent[theirs] for theirs, ours in FIELDS.items() if theirs in sent}
    mode = fields.get("guests_by_node")
    if isinstance(mode, str):
        fields["guests_by_node"] = GUESTS.get(mode, mode)
    elif "guests_by_node" in fields:
        # A boolean is ours, not theirs.
        fields["guests_by_node"] = None
    return fields


def summary_shape(found: CycleSummary, *, server: int, iface: str, name: str = "") -> SummaryShape:
    """One cycle of one interface."""
    return SummaryShape(
        server_id=server,
        iface=iface,
        usage_mode=usage_of(found.terms),
        direction_mode=found.terms.direction,
        cycle=_cycle(found.terms, found.cycle),
        stats=stats_shape(found.stats),
        server_name=name or UNSET,
    )


def day_shape(day: DaySummary, terms: Terms, *, server: int, iface: str) -> DayShape:
    """One local day of a cycle."""
    stats = stats_shape(day.stats)
    return DayShape(server, iface, usage_of(terms), terms.direction, iso_s(day.start), iso_s(day.end), stats)


def usage_of(terms: Terms) -> str:
    return str(Settings.Usage.LITE if terms.lite else Settings.Usage.BILLING)


def rebuild_shape(state: RebuildState, *, server: int) -> RebuildShape:
    """How the newest rebuild is doing; `server` is its node's number."""
    shape = RebuildShape(server, state.state, state.state == "running")
    if state.started_at is not None:
        shape.started_at = iso_s(state.started_at)
    if state.finished_at is not None:
        shape.finished_at = iso_s(state.finished_at)
    if state.state == "failed":
        shape.code, shape.error = f"traffic_rebuild_{state.reason or 'failed'}", FAILURES[state.reason or "failed"]
    return shape


def _cycle(terms: Terms, cycle: Cycle) -> CycleShape:
    plan = terms.plan
    return CycleShape(
        mode=str(plan.mode),
        billing_start_day=plan.start_day,
        timezone=plan.zone,
        start=iso_s(cycle.start),
        end=iso_s(cycle.end),
        billing_anchor_date=anchor_text(plan) or UNSET,
    )


def stats_shape(stats: TrafficStats) -> StatsShape:
    """The figures of a stretch; every rate in bytes a second."""
    coverage = stats.coverage
    return StatsShape(
        in_bytes=stats.bytes.received,
        out_bytes=stats.bytes.sent,
        p95_enabled=stats.p95_enabled,
        p95_status=stats.p95_status,
        in_p95_bytes_per_sec=stats.p95.received,
        out_p95_bytes_per_sec=stats.p95.sent,
        in_peak_bytes_per_sec=stats.peak.received,
        out_peak_bytes_per_sec=stats.peak.sent,
        selected_bytes=stats.bytes.selected,
        selected_p95_bytes_per_sec=stats.p95.selected,
        selected_peak_bytes_per_sec=stats.peak.selected,
        selected_bytes_direction=stats.bytes.direction or "",
        selected_peak_direction=stats.peak.direction or "",
        sample_count=coverage.samples,
        expected_sample_count=coverage.expected,
        effective_start=iso_s(stats.effective_start),
        effective_end=iso_s(stats.effective_end),
        coverage_ratio=coverage.ratio,
        covered_until=iso_s(stats.covered_until),
        gap_count=coverage.gaps,
        reset_count=coverage.resets,
        cycle_complete=stats.cycle_complete,
        data_complete=coverage.complete,
        status=stats.status,
        partial=stats.partial,
        selected_p95_direction=UNSET if stats.p95.direction is None else stats.p95.direction,
        p95_unavailable_reason=stats.p95_unavailable_reason or UNSET,
    )
