"""How the workspace counts traffic: seen by everybody, changed by who manages the team."""

from typing import Any

from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import render

from apps.common.errors import DomainError
from apps.traffic.choices import count_own_ways, settings_of
from apps.traffic.plans import CycleFaultError, CyclePlan, plan_changed_by
from apps.traffic.services import change_settings
from apps.web.access import WorkspacePage
from apps.web.forms.traffic import COUNTED, CYCLES, USAGES, TrafficForm, blame_cycle, plain
from apps.web.presenters import traffic as presenter


class TrafficSettings(WorkspacePage):
    """Mode, cycle, direction and guests; the borders of the cycle follow what is being chosen."""

    section = "settings"
    permission = "projects.read"
    write_permission = "team.manage"

    def get(self, *_: Any) -> HttpResponse:
        self.kept = settings_of(self.workspace)
        if self.request.headers.get("HX-Request"):
            return self._preview()
        return self._page(TrafficForm(settings=self.kept))

    def post(self, *_: Any) -> HttpResponse:
        self.kept = settings_of(self.workspace)
        form = TrafficForm(self.request.POST, settings=self.kept)
        if not form.is_valid():
            return self._page(form, status=400)
        try:
            with transaction.atomic():
                self._save(form)
        except DomainError as error:
            blame_cycle(form, error)
            return self._page(form, status=400)
        return self.done("Traffic settings saved.", self.address("traffic-settings"))

    def _save(self, form: TrafficForm) -> None:
        sent = form.all_fields()
        change_settings(workspace=self.workspace, fields=sent)
        if changed := {name: sent[name] for name in sent if name in form.changed_data}:
            self.audit("traffic.settings", "traffic", changed)

    def _preview(self) -> HttpResponse:
        """Only the borders, of what the form holds at this moment; nothing is saved."""
        form = TrafficForm(self.request.GET, settings=self.kept)
        context: dict[str, Any] = {"form": form}
        if form.is_valid():
            try:
                plan = plan_changed_by(self.kept.plan, form.cycle_fields(), zone=self.workspace.timezone)
                context |= self._borders(plan)
            except CycleFaultError as error:
                blame_cycle(form, error)
        response = render(self.request, "web/traffic_cycle.html", context)
        response["Cache-Control"] = "no-store"
        return response

    def _borders(self, plan: CyclePlan) -> dict[str, Any]:
        plan = plan.named(self.workspace.timezone)
        return {"spans": presenter.spans(plan, now=self.now), "zone": plan.zone}

    def _page(self, form: TrafficForm, *, status: int = 200) -> HttpResponse:
        kept = self.kept
        words = dict(plain(USAGES)) | dict(plain(CYCLES)) | dict(plain(COUNTED))
        context = self._borders(kept.plan) | {
            "form": form,
            "kept": kept,
            "said": {name: words[getattr(kept, name)] for name in ("usage", "mode", "direction")},
            "own_ways": count_own_ways(self.workspace, projects=self.actor.projects),
        }
        return self.render("web/traffic_settings.html", context, status=status)
