"""Analytics and reports as contract Dashmon 11 spells them: unrounded where the contract says so, null without data."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from apps.api.dashmon.serializers.fields import Instant
from apps.common.clock import iso_ms
from apps.metrics.figures import SampleCounts, WindowFigures
from apps.metrics.types import LatencyStats
from apps.reports.types import MonitorLine, ProjectLine, Report

Number = int | float


class AnalyticsFigures(serializers.Serializer[Any]):
    """By checks first, then by time, then response times; null where nothing was measured."""

    samples = serializers.IntegerField()
    uptime_pct = serializers.FloatField(allow_null=True)
    avg_response_ms = serializers.FloatField(allow_null=True)
    incident_count = serializers.IntegerField()
    downtime_minutes = serializers.IntegerField()
    uptime_time_pct = serializers.FloatField(allow_null=True)
    up_seconds = serializers.FloatField()
    down_seconds = serializers.FloatField()
    maintenance_seconds = serializers.FloatField()
    unknown_seconds = serializers.FloatField()
    p50_ms = serializers.FloatField(allow_null=True)
    p95_ms = serializers.FloatField(allow_null=True)
    p99_ms = serializers.FloatField(allow_null=True)
    mttr_seconds = serializers.FloatField(allow_null=True)
    mtbf_seconds = serializers.FloatField(allow_null=True)


class AnalyticsAnswer(serializers.Serializer[Any]):
    deviceId = serializers.UUIDField()
    range = serializers.ChoiceField(choices=["24h", "7d", "30d"])
    analytics = AnalyticsFigures()


class PercentilesAnswer(serializers.Serializer[Any]):
    """Milliseconds over the available results that have a latency."""

    deviceId = serializers.UUIDField()
    window = serializers.CharField()
    samples = serializers.IntegerField()
    p50 = serializers.FloatField(allow_null=True)
    p95 = serializers.FloatField(allow_null=True)
    p99 = serializers.FloatField(allow_null=True)
    min = serializers.FloatField(allow_null=True)
    max = serializers.FloatField(allow_null=True)
    avg = serializers.FloatField(allow_null=True)
    to = Instant()

    def get_fields(self) -> dict[str, Any]:
        # A word of the language, so it cannot be written as an attribute.
        return {**super().get_fields(), "from": Instant()}


class ReportDevice(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField()
    type = serializers.CharField()
    url = serializers.CharField(allow_null=True)
    ip = serializers.CharField(allow_null=True)
    samples = serializers.IntegerField()
    uptime_pct = serializers.FloatField(allow_null=True)
    avg_response_ms = serializers.FloatField(allow_null=True)


class ReportProject(serializers.Serializer[Any]):
    id = serializers.CharField()
    name = serializers.CharField()
    uptime_pct = serializers.FloatField(allow_null=True)
    devices = ReportDevice(many=True)


class ReportSummary(serializers.Serializer[Any]):
    uptime_pct = serializers.FloatField(allow_null=True)
    projects = serializers.IntegerField()
    devices = serializers.IntegerField()


class UptimeReportAnswer(serializers.Serializer[Any]):
    period = serializers.ChoiceField(choices=["weekly", "monthly", "custom"])
    generated_at = Instant()
    to = Instant()
    timezone = serializers.CharField()
    summary = ReportSummary()
    projects = ReportProject(many=True)

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": Instant()}


class DownEvent(serializers.Serializer[Any]):
    ts = Instant()
    value = serializers.IntegerField()


def analytics_figures(figures: WindowFigures) -> dict[str, Any]:
    """The `analytics` of one device and window."""
    times = figures.times
    return {
        **_counted(figures.counts, figures.average_us),
        "incident_count": figures.incidents,
        "downtime_minutes": figures.downtime_minutes,
        "uptime_time_pct": times.percent,
        "up_seconds": _seconds(times.up_ms),
        "down_seconds": _seconds(times.down_ms),
        "maintenance_seconds": _seconds(times.maintenance_ms),
        "unknown_seconds": _seconds(times.unknown_ms),
        "p50_ms": _hundredths(figures.p50_us),
        "p95_ms": _hundredths(figures.p95_us),
        "p99_ms": _hundredths(figures.p99_us),
        "mttr_seconds": _each(times.down_ms, figures.incidents),
        "mtbf_seconds": _each(times.up_ms, figures.incidents),
    }


def percentiles(stats: LatencyStats, *, start: datetime, end: datetime) -> dict[str, Any]:
    """Percentiles with two decimals, extremes and mean, and the window they are of."""
    return {
        "samples": stats.samples,
        "p50": _hundredths(stats.p50_us),
        "p95": _hundredths(stats.p95_us),
        "p99": _hundredths(stats.p99_us),
        "min": _millis(stats.min_us),
        "max": _millis(stats.max_us),
        "avg": _hundredths(stats.avg_us),
        "from": iso_ms(start),
        "to": iso_ms(end),
    }


def uptime_report(report: Report) -> dict[str, Any]:
    """The report as JSON; every result weighs the same in the values of projects and of the summary."""
    return {
        "period": report.period.name,
        "generated_at": iso_ms(report.generated_at),
        "from": iso_ms(report.period.start),
        "to": iso_ms(report.period.end),
        "timezone": report.period.zone.key,
        "summary": {
            "uptime_pct": report.figures.counts.uptime_pct,
            "projects": len(report.projects),
            "devices": report.monitors,
        },
        "projects": [_project(project) for project in report.projects],
    }


def _project(project: ProjectLine) -> dict[str, Any]:
    return {
        "id": project.key,
        "name": project.name,
        "uptime_pct": project.figures.counts.uptime_pct,
        "devices": [_device(line) for line in project.monitors],
    }


def _device(line: MonitorLine) -> dict[str, Any]:
    return {
        "id": str(line.device_id),
        "name": line.name,
        "type": line.kind,
        "url": line.url or None,
        "ip": line.host or None,
        **_counted(line.figures.counts, line.figures.totals.latency_avg_us),
    }


def _counted(counts: SampleCounts, average_us: float | None) -> dict[str, Any]:
    return {"samples": counts.samples, "uptime_pct": counts.uptime_pct, "avg_response_ms": _millis(average_us)}


def _each(ms: int, incidents: int) -> Number | None:
    return _whole(ms / 1000 / incidents) if incidents else None


def _seconds(ms: int) -> Number:
    return _whole(ms / 1000)


def _millis(us: float | None) -> Number | None:
    return None if us is None else _whole(us / 1000)


def _hundredths(us: float | None) -> Number | None:
    return None if us is None else _whole(round(us / 1000, 2))


def _whole(value: float) -> Number:
    """900.0 as 900: JSON clients show what they get."""
    return int(value) if value == int(value) else value
