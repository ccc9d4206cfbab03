"""Alerts: who hears of each project's incidents, and which projects nobody hears of."""

from typing import Any

from django.http import HttpResponse

from apps.notifications import posture, services
from apps.notifications.selectors import routings
from apps.web.access import WorkspacePage
from apps.web.presenters import routing as presenter
from apps.web.views.projects import visible_projects
from apps.workspaces.usage import plan_of


class AlertsPage(WorkspacePage):
    """What every page of the section begins with."""

    section = "alerts"
    permission = "alerts.read"
    write_permission = "alerts.write"
    tab = ""

    def show(self, template: str, context: dict[str, Any] | None = None, *, status: int = 200) -> HttpResponse:
        """A page with the section's tabs."""
        free = plan_of(self.workspace, now=self.now) == "free"
        return self.render(template, {"tab": self.tab, "free": free} | (context or {}), status=status)


class Alerts(AlertsPage):
    """Routing project by project, the ones that nobody hears of first."""

    tab = "overview"

    def get(self, *_: Any) -> HttpResponse:
        projects = visible_projects(self)
        coverage = posture.coverage(self.workspace, projects=self.actor.projects)
        record = posture.deliveries(self.workspace, now=self.now, projects=self.actor.projects)
        rules = [
            services.email_rule(self.workspace).enabled,
            services.sms_rule(self.workspace).enabled,
            services.webhook_rule(self.workspace).enabled,
        ]
        context = {
            "coverage": coverage,
            "record": record,
            "rows": presenter.project_rows(
                projects,
                routings(self.workspace),
                unheard=coverage.without_any_channel,
                people=presenter.people_of(self.workspace),
                now=self.now,
            ),
            "workspace_rules": [word for word, on in zip(("e-mail", "SMS", "the webhook"), rules, strict=True) if on],
        }
        return self.show("web/alerts.html", context)
