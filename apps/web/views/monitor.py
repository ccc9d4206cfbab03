"""One monitor: its page, its chart's numbers, its log, and what people do to it."""

from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.text import slugify

from apps.checks.services import request_check
from apps.common.clock import epoch_ms
from apps.common.errors import DomainError
from apps.common.ids import parse_uuid
from apps.devices.models import Device
from apps.devices.selectors import device_by_public_id, standings
from apps.devices.services import renew_heartbeat_token
from apps.incidents.selectors import of_device, open_of
from apps.metrics import selectors as metrics
from apps.metrics.types import ResultRow
from apps.notifications.links import base_url
from apps.pipeline.lifecycle import forget, set_paused
from apps.projects.windows import Target, manual_windows
from apps.tokens.models import AgentKey
from apps.tokens.selectors import key_of
from apps.web import maintenance, ranges
from apps.web.access import WorkspacePage
from apps.web.forms.manage import MaintenanceForm
from apps.web.presenters import bars, charts, exports, incidents, monitor, monitors
from apps.web.ranges import Range, read_range

LATEST = 8
LOG = 100
BAR_DAYS = 90
PHASE_COLUMNS = ("dns_us", "connect_us", "tls_us", "ttfb_us", "total_us")
# Few enough that a bucket holds several checks, so that average and slowest say different things.
POINTS = 120


class MonitorPage(WorkspacePage):
    """What every page and act about one monitor begins with."""

    section = "monitors"
    permission = "devices.read"
    write_permission = "devices.write"

    def device(self, name: str) -> Device:
        return device_by_public_id(workspace=self.workspace, public_id=parse_uuid(name), projects=self.actor.projects)

    def home(self, device: Device) -> str:
        return self.address("monitor", device.public_id)

    def newest(self, device: Device) -> ResultRow | None:
        return metrics.newest(workspace_id=self.workspace.pk, refs=[device.ref]).get(device.pk)

    def heading(self, device: Device, newest: ResultRow | None) -> dict[str, Any]:
        """What the head of every tab shows."""
        standing = standings([device], workspace_id=self.workspace.pk, now=self.now)[device.pk]
        return {
            "device": device,
            "status": monitors.status_of(device, standing, now=self.now, seen=newest is not None),
            "kind": monitors.kind_of(device),
            "target": monitors.target_of(device),
            "probed": device.kind not in {Device.Kind.HEARTBEAT, Device.Kind.AGENT},
            "stale": monitor.is_old(device, newest, now=self.now),
            "standing": standing,
        }


class MonitorDetail(MonitorPage):
    """Incident strip, facts, chart, days, latest checks."""

    def get(self, _: Any, monitor: str) -> HttpResponse:
        device = self.device(monitor)
        newest = self.newest(device)
        context = self.heading(device, newest) | self._numbers(device, newest) | self._silence(device)
        context["open"] = incidents.rows(open_of(self.workspace, device.ref), self.now)
        context["incidents"] = incidents.rows(of_device(self.workspace, device.pk, limit=6), self.now)
        if device.kind == Device.Kind.HEARTBEAT:
            context |= self._heartbeat(device)
        return self.render("web/monitor.html", context)

    def _numbers(self, device: Device, newest: ResultRow | None) -> dict[str, Any]:
        scope: dict[str, Any] = {"workspace_id": self.workspace.pk, "ref": device.ref}
        day_ago = self.now - timedelta(days=1)
        days = metrics.day_bars(workspace_id=self.workspace.pk, refs=[device.ref], days=BAR_DAYS, now=self.now)
        quarter = self.now - timedelta(days=BAR_DAYS)
        chosen = read_range(self.request.GET, now=self.now)
        return {
            "facts": monitor.facts(
                device,
                day=metrics.window_totals(**scope, start=day_ago, end=self.now),
                quarter=metrics.window_totals(**scope, start=quarter, end=self.now),
                latency=metrics.latency_percentiles(**scope, start=day_ago, end=self.now),
                before=metrics.latency_percentiles(**scope, start=day_ago - timedelta(days=1), end=day_ago),
                newest=newest,
                now=self.now,
            ),
            "bar": bars.bar(days[device.pk], name=device.name, created_at=device.created_at),
            "bar_days": BAR_DAYS,
            "bar_start": self.now - timedelta(days=BAR_DAYS - 1),
            "chart": view_chart(self, device, chosen),
            "ranges": [(key, label, key == chosen.key) for key, (label, _) in ranges.USUAL.items()],
            "range": chosen,
            "checks": monitors.checks(
                metrics.results(**scope, start_ms=0, end_ms=epoch_ms(self.now) + 1, newest=LATEST)
            ),
        }

    def _silence(self, device: Device) -> dict[str, Any]:
        own, of_project = manual_windows(
            workspace_id=self.workspace.pk, kind="device", subjects=[device.pk], projects=[device.project_id]
        )
        return {
            "window": own.get(device.pk),
            "project_window": of_project.get(device.project_id),
            "silence": MaintenanceForm(),
            "silence_action": self.address("monitor-maintenance", device.public_id),
        }

    def _heartbeat(self, device: Device) -> dict[str, Any]:
        lines = monitor.signals(metrics.pings(workspace_id=self.workspace.pk, device_id=device.pk, limit=20))
        context: dict[str, Any] = {"signals": lines}
        # The address is a secret that can report for the job: who may not read secrets sees no snippets.
        if self.may("secrets.read"):
            key = key_of(workspace=self.workspace, subject=AgentKey.Subject.DEVICE, subject_id=device.pk)
            if key is not None:
                context["snippets"] = monitor.snippets(f"{base_url()}/ping/{key.secret}")
        return context


def view_chart(page: WorkspacePage, device: Device, chosen: Range) -> charts.ChartView:
    """The stored numbers of one range as they are shown."""
    chart = metrics.chart(
        workspace_id=page.workspace.pk,
        ref=device.ref,
        columns=PHASE_COLUMNS,
        start=chosen.start,
        end=chosen.end,
        max_points=POINTS,
    )
    limit = charts.limit_of(device.synthetic)
    return charts.chart_view(chart, name=device.name, limit_ms=limit, live=chosen.end == page.now)


class ChartNumbers(MonitorPage):
    """The chart's numbers for the script that draws it."""

    def get(self, _: Any, monitor: str) -> HttpResponse:
        device = self.device(monitor)
        view = view_chart(self, device, read_range(self.request.GET, now=self.now))
        response = JsonResponse(view.series)
        response["Cache-Control"] = "private, max-age=10"
        return response


class CheckLog(MonitorPage):
    """The newest results, one line each."""

    def get(self, _: Any, monitor: str) -> HttpResponse:
        device = self.device(monitor)
        before = self.request.GET.get("before", "")
        end = int(before) if before.isdecimal() and len(before) < 16 else epoch_ms(self.now) + 1
        results = metrics.results(
            workspace_id=self.workspace.pk, ref=device.ref, start_ms=0, end_ms=end, newest=LOG + 1
        )
        page = results[-LOG:]
        context = self.heading(device, self.newest(device)) | {
            "checks": monitors.checks(page),
            "older": page[0].ts_ms if len(results) > LOG else None,
        }
        return self.render("web/monitor_checks.html", context)


class CheckExport(MonitorPage):
    """The log as a file: one line per result, newest first, instants in UTC, durations in milliseconds."""

    def get(self, _: Any, monitor: str) -> HttpResponseBase:
        device = self.device(monitor)
        results = metrics.results(
            workspace_id=self.workspace.pk, ref=device.ref, start_ms=0, end_ms=epoch_ms(self.now) + 1
        )
        name = f"{slugify(device.name) or 'monitor'}-checks.csv"
        response = StreamingHttpResponse(exports.csv_lines(results), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        response["Cache-Control"] = "private, no-store"
        return response


class MonitorAct(MonitorPage):
    """Test now, pause, resume, a new heartbeat address, delete."""

    act = ""

    def waits(self) -> bool:
        return self.act != "delete"

    @transaction.atomic
    def post(self, _: Any, monitor: str) -> HttpResponse:
        device = self.device(monitor)
        try:
            sentence = getattr(self, f"_{self.act}")(device)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.home(device))
        return self.done(sentence, self.address("monitors") if self.act == "delete" else self.home(device))

    def _test(self, device: Device) -> str:
        request_check(device=device, now=self.now)
        return f"{device.name} is being checked now; the result appears in the list of checks."

    def _pause(self, device: Device) -> str:
        set_paused(device=device, paused=True, now=self.now)
        self.audit("device.pause", device.name)
        return f"{device.name} is paused: nobody asks, nobody is told."

    def _resume(self, device: Device) -> str:
        set_paused(device=device, paused=False, now=self.now)
        if device.kind != Device.Kind.HEARTBEAT:
            request_check(device=device, now=self.now)
        self.audit("device.resume", device.name)
        return f"{device.name} is watched again."

    def _renew(self, device: Device) -> str:
        renew_heartbeat_token(device=device, now=self.now)
        self.audit("device.token.update", device.name)
        return "The address is new. The old one no longer counts."

    def _delete(self, device: Device) -> str:
        self.audit("device.delete", device.name)
        forget(ref=device.ref, now=self.now)
        return f"{device.name} is deleted."


class MonitorMaintenance(MonitorPage):
    """Silence one monitor, or end that."""

    write_permission = "maintenance.write"

    @transaction.atomic
    def post(self, _: Any, monitor: str) -> HttpResponse:
        device = self.device(monitor)
        form = MaintenanceForm(self.request.POST)
        target = Target(self.workspace.pk, ref=device.ref)
        sentence = maintenance.change(self, target=target, subject=device.name, form=form)
        if sentence is None:
            for faults in form.errors.values():
                messages.error(self.request, f"Maintenance was not set: {faults[0]}")
            return redirect(self.home(device))
        return self.done(sentence, self.home(device))
