"""The analytics tab of a monitor."""

from datetime import timedelta
from typing import Any

from django.http import HttpResponse

from apps.metrics import selectors as metrics
from apps.reports.selectors import readable_since
from apps.web.presenters import analytics
from apps.web.views.monitor import MonitorPage
from apps.workspaces.usage import plan_of

RANGES = {"24h": ("24 h", timedelta(days=1)), "7d": ("7 d", timedelta(days=7)), "30d": ("30 d", timedelta(days=30))}
FIRST = "7d"


class MonitorAnalytics(MonitorPage):
    """How much was up, how long trouble lasts, and how response times are spread."""

    permission = "reports"

    def get(self, _: Any, monitor: str) -> HttpResponse:
        device = self.device(monitor)
        chosen = self.request.GET.get("range", "")
        chosen = chosen if chosen in RANGES else FIRST
        context = self.heading(device, self.newest(device)) | {
            "premium": plan_of(self.workspace, now=self.now) == "premium",
            "ranges": [(key, label, key == chosen) for key, (label, _) in RANGES.items()],
        }
        if context["premium"]:
            start = max(self.now - RANGES[chosen][1], readable_since(self.workspace, now=self.now))
            scope: dict[str, Any] = {"workspace_id": self.workspace.pk, "start": start, "end": self.now}
            stats = metrics.latency_percentiles(ref=device.ref, **scope)
            found = metrics.fleet_days(refs=[device.ref], **scope)[device.pk]
            context |= {
                "facts": analytics.facts(metrics.window_figures(ref=device.ref, **scope)),
                "latencies": analytics.latency_facts(stats) if stats.samples else [],
                "histogram": analytics.histogram(found.sketch, stats),
            }
        return self.render("web/monitor_analytics.html", context)
