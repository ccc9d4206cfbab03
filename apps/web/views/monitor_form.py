"""A new monitor and an edited one, with a try-out that saves nothing."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from apps.checks.models import CheckRequest
from apps.common.errors import DomainError
from apps.common.ids import parse_uuid
from apps.devices.models import Device
from apps.devices.selectors import device_by_public_id
from apps.devices.targets import PREMIUM_KINDS
from apps.web import monitor_drafts
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.monitors import FORMS, MonitorForm
from apps.web.presenters.monitors import KINDS, kind_of
from apps.web.presenters.trials import trial
from apps.web.views.projects import visible_projects
from apps.workspaces.usage import limits_in_force, plan_of

USUAL_KIND = Device.Kind.HTTP
USUAL_INTERVAL_S = 60


class MonitorFormPage(WorkspacePage):
    """What both pages share: the form of a kind, the try-out, the faults beside the fields."""

    section = "monitors"
    permission = "devices.write"

    def form(self, kind: str, *, data: Any = None, device: Device | None = None) -> MonitorForm:
        least = limits_in_force(self.workspace, now=self.now)["checkIntervalSeconds"] or 1
        initial: dict[str, Any]
        if device is not None:
            initial = FORMS[kind].initial_of(device)
        else:
            initial = {"interval_s": str(max(least, USUAL_INTERVAL_S)), "project": self.request.GET.get("project")}
        return FORMS[kind](
            data,
            initial=initial,
            projects=visible_projects(self),
            least_interval_s=least,
            current_s=device.interval_s if device is not None else 0,
        )

    def page(
        self, form: MonitorForm, *, device: Device | None = None, tried: CheckRequest | None = None, status: int = 200
    ) -> HttpResponse:
        free = plan_of(self.workspace, now=self.now) == "free"
        context = {
            "form": form,
            "kind": str(form.kind),
            "kind_word": KINDS[form.kind],
            "kinds": [(kind, KINDS[kind], free and kind in PREMIUM_KINDS) for kind in FORMS],
            "device": device,
            "trial": trial(tried) if tried is not None else None,
            "main": [form[name] for name in form.main],
            "rules": [form[name] for name in form.rules],
            "rhythm": [form[name] for name in ("interval_s", "retries", "retry_interval_s") if name in form.fields],
            "about": [form[name] for name in ("project", "tags", "severity", "notes")],
        }
        return self.render("web/monitor_form.html", context, status=status)

    def tried(self) -> CheckRequest | None:
        """The try-out a page without script asks about again."""
        key = parse_uuid(self.request.POST.get("trial", ""))
        return CheckRequest.objects.of(self.workspace).filter(public_id=key).first() if key else None

    def submitted(self, form: MonitorForm, device: Device | None) -> HttpResponse | None:
        """Try the form out, or answer None when it shall be saved."""
        if not form.is_valid():
            return self.page(form, device=device, status=400)
        act = self.request.POST.get("act")
        if act == "result":
            return self.page(form, device=device, tried=self.tried())
        if act == "test":
            try:
                tried = monitor_drafts.try_out(form=form, workspace=self.workspace, stored=device, now=self.now)
            except DomainError as error:
                return self.blamed(form, error, device)
            return self.page(form, device=device, tried=tried)
        return None

    def blamed(self, form: MonitorForm, error: DomainError, device: Device | None) -> HttpResponse:
        """The form again, with the domain's refusal beside its fields."""
        blame(form, error, form.names())
        return self.page(form, device=device, status=400)


class NewMonitor(MonitorFormPage):
    """Choose a kind, describe a target, try it, save it."""

    def get(self, *_: Any) -> HttpResponse:
        return self.page(self.form(self._kind()))

    def post(self, *_: Any) -> HttpResponse:
        form = self.form(self._kind(), data=self.request.POST)
        answer = self.submitted(form, None)
        if answer is not None:
            return answer
        try:
            device = monitor_drafts.create(
                form=form, workspace=self.workspace, actor=self.actor, seat=self.seat, now=self.now
            )
        except DomainError as error:
            return self.blamed(form, error, None)
        self.audit("device.create", device.name, {"type": device.kind, "project": device.project.key})
        return self.done(f"{device.name} is watched from now on.", self.address("monitor", device.public_id))

    def _kind(self) -> str:
        kind = self.request.GET.get("kind", "")
        return kind if kind in FORMS else str(USUAL_KIND)


class EditMonitor(MonitorFormPage):
    """Everything about a monitor but its kind."""

    def get(self, _: Any, monitor: str) -> HttpResponse:
        device = self._device(monitor)
        if device.kind not in FORMS:
            return self.render("web/monitor_fixed.html", {"device": device, "kind_word": kind_of(device)})
        return self.page(self.form(device.kind, device=device), device=device)

    def post(self, _: Any, monitor: str) -> HttpResponse:
        device = self._device(monitor)
        form = self.form(device.kind, data=self.request.POST, device=device)
        answer = self.submitted(form, device)
        if answer is not None:
            return answer
        came_from = device.project.key
        try:
            monitor_drafts.update(form=form, device=device, actor=self.actor, now=self.now)
        except DomainError as error:
            return self.blamed(form, error, device)
        moved = {"project": device.project.key} if device.project.key != came_from else None
        self.audit("device.update", device.name, moved)
        return self.done(f"{device.name} saved.", self.address("monitor", device.public_id))

    def _device(self, monitor: str) -> Device:
        return device_by_public_id(
            workspace=self.workspace, public_id=parse_uuid(monitor), projects=self.actor.projects
        )


class Trial(WorkspacePage):
    """The fragment that replaces itself until a try-out has its answer."""

    permission = "devices.write"

    def get(self, _: Any, trial_id: str) -> HttpResponse:
        row = get_object_or_404(CheckRequest.objects.of(self.workspace), public_id=parse_uuid(trial_id))
        response = render(
            self.request, "components/trial.html", {"trial": trial(row), "workspace": self.workspace, "now": self.now}
        )
        response["Cache-Control"] = "no-store"
        return response
