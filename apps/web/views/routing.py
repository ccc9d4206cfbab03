"""The routing of one project: channels, quiet hours, on-call schedules and steps in one form, and a preview."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.http import Http404, HttpResponse

from apps.common.errors import DomainError, InvalidInputError
from apps.common.ids import new_secret
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.routing import forecast
from apps.notifications.routing.document import policy_of, zone_of
from apps.projects.models import Project
from apps.web.forms.routing import Choices, change, lay_out, read_draft, stored_secrets
from apps.web.forms.routing.kinds import offered
from apps.web.forms.routing.preview import SEVERITIES, Question, read_question
from apps.web.presenters import routing as presenter
from apps.web.views.alerts import AlertsPage
from apps.web.views.projects import visible_projects
from apps.workspaces.usage import limits_in_force


@dataclass(frozen=True, slots=True)
class Shown:
    """What the page is about to draw."""

    project: Project
    document: dict[str, Any]
    stored: Mapping[str, Any]
    faults: Mapping[str, str] = field(default_factory=dict)
    # The path of a row that was just added.
    focus: str = ""
    # Secrets that were made by saving: name of the channel and secret.
    fresh: tuple[tuple[str, str], ...] = ()
    asked: bool = False


class RoutingPage(AlertsPage):
    """Draws the form for those who may change it, and the same in words for the others."""

    tab = "overview"
    write_permission = "alertSettings.write"

    def project(self, key: str) -> Project:
        found = next((project for project in visible_projects(self) if project.key == key), None)
        if found is None:
            raise Http404("There is no such project.")
        return found

    def waits(self) -> bool:
        """Only saving writes; rows that come and go, and a preview, change nothing."""
        return self.act() == "save"

    def act(self) -> str:
        return str(self.request.POST.get("act") or "save")

    def may_edit(self) -> bool:
        return self.may("alertSettings.write") and self.may("secrets.read")

    def page(self, shown: Shown, *, status: int = 200) -> HttpResponse:
        people = presenter.people_of(self.workspace)
        names = presenter.names_of(shown.document, people)
        context = {
            "project": shown.project,
            "document": shown.document,
            "fresh": shown.fresh,
            "severities": SEVERITIES,
            **self._told(shown, names),
        }
        if self.may_edit():
            context |= self._form(shown, people)
            return self.show("web/routing.html", context, status=status)
        quiet = shown.document["quietHours"]
        context |= {
            "steps": presenter.step_lines(shown.document, names),
            "windows": [presenter.window(item) for item in quiet["windows"]] if quiet["enabled"] else [],
            "people": people,
            "kinds": [(presenter.channel_word(item["type"]), item) for item in shown.document["channels"]],
        }
        return self.show("web/routing_words.html", context, status=status)

    def _form(self, shown: Shown, people: Mapping[str, str]) -> dict[str, Any]:
        limits = limits_in_force(self.workspace, now=self.now)
        steps, rotations = limits["escalationSteps"], limits["onCallSchedules"]
        named = [member for item in shown.document["onCall"] for member in item["members"]]
        named += [
            target["id"]
            for step in shown.document["escalation"]["steps"]
            for target in step["targets"]
            if target["type"] == "user"
        ]
        left = [(member, presenter.NOBODY) for member in dict.fromkeys(named) if member not in people]
        choices = Choices(
            [*sorted(people.items(), key=lambda item: item[1].casefold()), *left], stored_secrets(shown.stored)
        )
        return {
            "layout": lay_out(shown.document, choices=choices, faults=shown.faults, focus=shown.focus),
            "kinds": offered(),
            "may_add_step": steps is None or len(shown.document["escalation"]["steps"]) < steps,
            "may_add_rotation": rotations is None or len(shown.document["onCall"]) < rotations,
            "most_steps": steps,
        }

    def _told(self, shown: Shown, names: presenter.Names) -> dict[str, Any]:
        """The forecast that was asked for; without one, or where the routing has faults, only the question."""
        data = self.request.POST if self.request.method == "POST" else self.request.GET
        zone = zone_of(str(shown.document.get("timezone") or "UTC"))
        question = read_question(data, zone=zone, now=self.now)
        context: dict[str, Any] = {"question": question, "zone": zone}
        if not shown.asked or shown.faults or question.faults:
            return context | {"asked": shown.asked and bool(question.faults)}
        lines, more = self._lines(shown, question, names)
        return context | {"asked": True, "lines": lines, "more_lines": more}

    def _lines(self, shown: Shown, question: Question, names: presenter.Names) -> tuple[list[presenter.Line], int]:
        if self.request.method == "POST":
            policy = services.policy_of_draft(project=shown.project, document=shown.document)
        else:
            on = [item["id"] for item in shown.document["channels"] if item["enabled"]]
            policy = policy_of(shown.document, channels=on)
        told = forecast(
            policy,
            opened_at=question.opened_at,
            severity=question.severity,
            acknowledged_at=question.acknowledged_at,
            resolved_at=question.resolved_at,
            present=set(names.people),
        )
        return presenter.lines(told, opened_at=question.opened_at, names=names)


class EditRouting(RoutingPage):
    """Look, preview, change."""

    def get(self, _: Any, key: str) -> HttpResponse:
        project = self.project(key)
        stored = services.alert_settings(project, reveal=self.may("secrets.read"))
        return self.page(Shown(project, stored, stored, asked="preview.severity" in self.request.GET))

    def post(self, _: Any, key: str) -> HttpResponse:
        project = self.project(key)
        stored = services.alert_settings(project, reveal=True)
        shown = Shown(project, read_draft(self.request.POST, stored), stored)
        act = self.act()
        if act == "save":
            return self._save(shown)
        if act == "preview":
            return self._preview(shown)
        kind = self.request.POST.get("new.channel", "")
        focus = change(shown.document, act, kind=kind, today=self.now.date())
        return self.page(replace(shown, focus=focus))

    def _preview(self, shown: Shown) -> HttpResponse:
        try:
            services.policy_of_draft(project=shown.project, document=shown.document)
        except InvalidInputError as error:
            return self.page(replace(shown, faults=error.fields), status=400)
        return self.page(replace(shown, asked=True))

    def _save(self, shown: Shown) -> HttpResponse:
        fresh = _make_secrets(shown)
        try:
            saved = services.set_alert_settings(
                project=shown.project, document=shown.document, actor=self.actor.label, now=self.now
            )
        except InvalidInputError as error:
            return self.page(replace(shown, faults=error.fields), status=400)
        except DomainError as error:
            return self.page(replace(shown, faults={"": error.message}), status=400)
        if fresh:
            return self.page(Shown(shown.project, saved, saved, fresh=fresh))
        sentence = f"The routing of {shown.project.name} is saved."
        return self.done(sentence, self.address("routing", shown.project.key))


def _make_secrets(shown: Shown) -> tuple[tuple[str, str], ...]:
    """A signing secret for each webhook that has none, to be shown once: nobody could check its messages otherwise."""
    made = []
    for item in shown.document["channels"]:
        if item["type"] == ChannelKind.WEBHOOK and "secret" not in item and not _has_secret(shown.stored, item["id"]):
            item["secret"] = new_secret("whsec_")
            made.append((str(item["name"] or item["id"]), item["secret"]))
    return tuple(made)


def _has_secret(stored: Mapping[str, Any], key: str) -> bool:
    return any(item["id"] == key and item["type"] == ChannelKind.WEBHOOK for item in stored["channels"])
