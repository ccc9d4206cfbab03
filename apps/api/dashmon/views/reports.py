"""Analytics of a device, uptime reports and down events (contract Dashmon 11 and 14)."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.pagination import instant
from apps.api.dashmon.schema import described, parameter, wrapped
from apps.api.dashmon.serializers.reports import (
    AnalyticsAnswer,
    DownEvent,
    PercentilesAnswer,
    UptimeReportAnswer,
    analytics_figures,
    percentiles,
    uptime_report,
)
from apps.api.dashmon.views.base import ApiView
from apps.common.clock import EPOCH, from_epoch_ms, iso_ms
from apps.common.errors import InvalidInputError
from apps.devices.selectors import devices_of
from apps.metrics.selectors import down_hours, latency_percentiles, window_figures
from apps.reports.periods import Period, last_days, midnight_of, zone_named
from apps.reports.presenters.pdf import report_pdf
from apps.reports.presenters.sheet import short_csv
from apps.reports.selectors import readable_since, report_of
from apps.reports.types import Report

RANGES = {"24h": "24h", "1d": "24h", "day": "24h", "30d": "30d", "month": "30d"}
WINDOWS = {
    "1h": timedelta(hours=1),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
BAD_WINDOW = "window must be one of 1h,24h,7d,30d"
BAD_FORMAT = "format must be one of json,csv,pdf"
BAD_ENDS = "from must be before to"
FORMATS = ("json", "csv", "pdf")
USUAL_HOURS, MOST_HOURS = 24, 168


class WindowView(ApiView):
    """What the two views of one device and a window that ends now share."""

    def window(self, length: timedelta) -> tuple[datetime, datetime]:
        """Its ends, not further back than the plan lets anybody read."""
        return max(self.now - length, readable_since(self.workspace, now=self.now)), self.now


class AnalyticsView(WindowView):
    """Uptime by checks and by time, incidents, downtime and percentiles of one device."""

    @described(
        "Analytics of a device",
        answer=AnalyticsAnswer,
        query=(parameter("range", "24h (also 1d, day), 7d, 30d (also month); 7d for anything else."),),
    )
    def get(self, request: Request, device_id: str) -> Response:
        name = RANGES.get(request.GET.get("range", ""), "7d")
        device = self.device(device_id)
        start, end = self.window(WINDOWS[name])
        figures = window_figures(workspace_id=self.workspace.pk, ref=device.ref, start=start, end=end)
        body = {"deviceId": str(device.public_id), "range": name, "analytics": analytics_figures(figures)}
        return Response(body)


class PercentilesView(WindowView):
    """Response times of one device."""

    @described(
        "Latency percentiles of a device",
        answer=PercentilesAnswer,
        query=(parameter("window", "The window that ends now; 24h when absent.", enum=list(WINDOWS)),),
        also={400: f"`{BAD_WINDOW}`."},
    )
    def get(self, request: Request, device_id: str) -> Response:
        name = request.GET.get("window") or "24h"
        if name not in WINDOWS:
            raise InvalidInputError(BAD_WINDOW, fields={"window": BAD_WINDOW})
        device = self.device(device_id)
        start, end = self.window(WINDOWS[name])
        stats = latency_percentiles(workspace_id=self.workspace.pk, ref=device.ref, start=start, end=end)
        head = {"deviceId": str(device.public_id), "window": name}
        return Response(head | percentiles(stats, start=start, end=end))


class UptimeReportView(ApiView):
    """All projects within reach, as JSON or as a file."""

    @described(
        "Uptime report",
        answer=UptimeReportAnswer,
        query=(
            parameter("period", "weekly (7 days, also for anything else) or monthly (30 days), ending now."),
            parameter("format", "json when absent; csv and pdf are files.", enum=list(FORMATS)),
            parameter("from", "Begin instead of a period: ISO 8601, or a date of the time zone."),
            parameter("to", "End, likewise, itself not included; now when absent."),
            parameter("timezone", "IANA name for dates and for the PDF; UTC when absent."),
        ),
        also={400: f"`{BAD_FORMAT}`, `{BAD_ENDS}`, a bad date or time zone."},
        files=("text/csv", "application/pdf"),
    )
    def get(self, request: Request) -> HttpResponseBase:
        kind = request.GET.get("format") or "json"
        if kind not in FORMATS:
            raise InvalidInputError(BAD_FORMAT, fields={"format": BAD_FORMAT})
        period = _period(request.GET, now=self.now)
        report = report_of(
            self.workspace,
            period=period,
            now=self.now,
            projects=self.actor.projects,
            # Neither the JSON nor the sheet of the contract has any.
            percentiles=kind == "pdf",
        )
        return Response(uptime_report(report)) if kind == "json" else _file(report, kind)


def _file(report: Report, kind: str) -> HttpResponse:
    content: str | bytes = short_csv(report) if kind == "csv" else report_pdf(report)
    response = HttpResponse(content, content_type="application/pdf" if kind == "pdf" else "text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="uptime-{report.period.name}.{kind}"'
    return response


def _period(query: Mapping[str, str], *, now: datetime) -> Period:
    zone = zone_named(query.get("timezone"))
    begin, end = (midnight_of(query.get(name), zone) or instant(query, name) for name in ("from", "to"))
    if begin is None and end is None:
        name = "monthly" if query.get("period") == "monthly" else "weekly"
        return last_days(30 if name == "monthly" else 7, name=name, zone=zone, now=now)
    end = end or now
    length = timedelta(days=30 if query.get("period") == "monthly" else 7)
    # Nothing is older, and a calendar that begins in the year 1 has no week before that.
    begin = begin or max(end, EPOCH + length) - length
    if begin >= end:
        raise InvalidInputError(BAD_ENDS, fields={"from": BAD_ENDS})
    return Period("custom", begin, end, zone)


class DownEventsView(ApiView):
    """How often checks failed, hour by hour."""

    @described(
        "Failed checks per hour",
        answer=wrapped("DownEvents", points=DownEvent(many=True)),
        query=(parameter("hours", f"How far back, {USUAL_HOURS} when absent or no number, at most {MOST_HOURS}."),),
    )
    def get(self, request: Request) -> Response:
        devices = devices_of(self.workspace, projects=self.actor.projects).prefetch_related(None)
        start = self.now - timedelta(hours=_hours(request.GET.get("hours", "")))
        hours = down_hours(
            workspace_id=self.workspace.pk,
            refs=[device.ref for device in devices],
            start=max(start, readable_since(self.workspace, now=self.now)),
            # A result may carry this very instant.
            end=self.now + timedelta(milliseconds=1),
        )
        points = [{"ts": iso_ms(from_epoch_ms(hour)), "value": count} for hour, count in hours.items()]
        return Response({"points": points})


def _hours(text: str) -> float:
    """A positive number, cut at a week; anything else is a day, as the first server had it."""
    try:
        number = float(text) if text.isascii() and "_" not in text else 0.0
    except ValueError:
        number = 0.0
    # The comparison also turns NaN away.
    return min(number, MOST_HOURS) if number > 0 else USUAL_HOURS
