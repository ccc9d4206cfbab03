"""The on-call calendar: who is on call now and next, a month of shifts, and stand-ins."""

from typing import Any

from django.http import Http404, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from apps.common.clock import parse_iso
from apps.common.errors import DomainError
from apps.notifications import services
from apps.notifications.routing.document import policy_of
from apps.notifications.selectors import routings
from apps.web.forms.faults import blame
from apps.web.forms.on_call import StandInForm
from apps.web.presenters import on_call as presenter
from apps.web.presenters.routing import NOBODY, people_of
from apps.web.views.alerts import AlertsPage
from apps.web.views.projects import visible_projects


class OnCall(AlertsPage):
    """Every schedule within reach; one of them as a month. Which and when is the address."""

    tab = "on-call"
    write_permission = "alertSettings.write"

    def get(self, *_: Any) -> HttpResponse:
        self._load()
        return self._page()

    def post(self, *_: Any) -> HttpResponse:
        self._load()
        if self.chosen is None:
            raise Http404("There is no such schedule.")
        if self.request.POST.get("act") == "remove":
            return self._remove(self.chosen)
        return self._add(self.chosen)

    def _load(self) -> None:
        """Every schedule, and the one the address names: by project and id, else the first."""
        self.people = people_of(self.workspace)
        found, asked = routings(self.workspace), self.request.GET
        self.schedules = [
            presenter.schedule(project, rotation, self.people, self.now)
            for project in visible_projects(self)
            if project.pk in found and (route := found[project.pk].route) is not None
            for rotation in policy_of(route.policy).rotations
        ]
        named = [item for item in self.schedules if item.project.key == asked.get("project", item.project.key)]
        one = [item for item in named if item.name == asked.get("schedule", item.name)]
        if self.schedules and not one and ("project" in asked or "schedule" in asked):
            one = named if "schedule" not in asked else []
        self.chosen = one[0] if one else None

    def _page(self, form: StandInForm | None = None, *, status: int = 200) -> HttpResponse:
        context: dict[str, Any] = {"schedules": self.schedules, "chosen": self.chosen}
        if self.chosen is not None:
            context |= self._calendar(self.chosen, form)
        context["projects"] = visible_projects(self)
        return self.show("web/on_call.html", context, status=status)

    def _calendar(self, chosen: presenter.Schedule, form: StandInForm | None) -> dict[str, Any]:
        rotation = chosen.rotation
        today = self.now.astimezone(rotation.zone).date()
        month = presenter.month_of(self.request.GET.get("month", ""), today=today)
        before, after = presenter.neighbours(month)
        overrides = sorted(rotation.overrides, key=lambda item: item.start)
        return {
            "month": month,
            "before": before,
            "after": after,
            "weeks": presenter.weeks(rotation, month, self.people, self.now),
            "zone": rotation.zone,
            "overrides": [(item, self.people.get(item.member, NOBODY)) for item in overrides if item.end > self.now],
            "form": form or StandInForm(people=self.people, zone=rotation.zone),
        }

    def _add(self, chosen: presenter.Schedule) -> HttpResponse:
        form = StandInForm(self.request.POST, people=self.people, zone=chosen.rotation.zone)
        if not form.is_valid():
            return self._page(form, status=400)
        data = form.cleaned_data
        try:
            services.add_override(
                project=chosen.project,
                rotation_id=chosen.name,
                member=data["member"],
                start=data["start"],
                end=data["end"],
                actor=self.actor.label,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error, {"userId": "member"})
            return self._page(form, status=400)
        return self.done(f"{self.people[data['member']]} stands in.", self._here(chosen))

    def _remove(self, chosen: presenter.Schedule) -> HttpResponse:
        sent = self.request.POST
        try:
            span = parse_iso(sent.get("start", "")), parse_iso(sent.get("end", ""))
        except ValueError as error:
            raise Http404("There is no such stand-in.") from error
        services.remove_override(
            project=chosen.project,
            rotation_id=chosen.name,
            member=sent.get("member", ""),
            start=span[0],
            end=span[1],
            actor=self.actor.label,
            now=self.now,
        )
        return self.done("The stand-in is taken back.", self._here(chosen))

    def _here(self, chosen: presenter.Schedule) -> str:
        asked = {"project": chosen.project.key, "schedule": chosen.name}
        if month := self.request.GET.get("month"):
            asked["month"] = month
        return f"{reverse('web:on-call', args=[self.workspace.slug])}?{urlencode(asked)}"
