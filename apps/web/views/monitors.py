"""The list of monitors, its live fragment, and acts on many at once."""

from typing import Any, cast

from django.contrib import messages
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.common.clock import epoch_ms
from apps.common.errors import DomainError, InvalidInputError
from apps.common.ids import parse_uuid
from apps.devices.lists import (
    LOOKS,
    DeviceFilter,
    DevicePage,
    Look,
    Order,
    count_by_look,
    list_devices,
    looking,
    narrowed,
)
from apps.devices.models import Device
from apps.devices.selectors import devices_of, standings
from apps.metrics import selectors as metrics
from apps.projects.tags import tag_counts
from apps.web.access import WorkspacePage
from apps.web.bulk import ACTS, act_on
from apps.web.forms.manage import MaintenanceForm
from apps.web.paging import read_place, write_place
from apps.web.presenters import monitors as presenter
from apps.web.views.projects import visible_projects

PAGE = 50
BAR_DAYS = 30
ORDERS = ("state", "name", "-name")
# As the list spells a look in its address and over its counts.
LOOK_WORDS = {
    "down": ("down", "down"),
    "warning": ("degraded", "degraded"),
    "unknown": ("unknown", "unknown"),
    "maintenance": ("maintenance", "in maintenance"),
    "up": ("up", "up"),
    "paused": ("paused", "paused"),
}
SPELLED: dict[str, Look] = {word: cast("Look", look) for look, (word, _) in LOOK_WORDS.items()}


class Monitors(WorkspacePage):
    """Worst first; filter, order and page live in the address."""

    section = "monitors"
    permission = "devices.read"
    write_permission = "devices.write"

    def get(self, *_: Any) -> HttpResponse:
        chosen = self.chosen()
        base = looking(self.workspace, projects=self.actor.projects, now=self.now)
        fitting = narrowed(base, chosen)
        page = list_devices(
            fitting, chosen, order=self.order(), after=read_place(self.request.GET.get("after")), limit=PAGE
        )
        counts = count_by_look(fitting)
        context = self._list(page) | {
            "chosen": chosen,
            "order": self.order(),
            "total": sum(counts.values()),
            "counts": [(LOOK_WORDS[look], counts[look], look == chosen.look) for look in LOOKS if counts[look]],
        }
        if self.request.headers.get("HX-Request"):
            return self._fragment(context)
        context |= {
            "silence": MaintenanceForm(auto_id="bulk-%s"),
            "projects": visible_projects(self),
            "kinds": presenter.KINDS,
            "tags": tag_counts(workspace=self.workspace, projects=self.actor.projects)[:50],
            "everything": base.count() if chosen else context["total"],
        }
        return self.render("web/monitors.html", context)

    def _list(self, page: DevicePage) -> dict[str, Any]:
        devices, refs = page.devices, [device.ref for device in page.devices]
        scope: dict[str, Any] = {"workspace_id": self.workspace.pk, "refs": refs}
        rows = presenter.rows(
            devices,
            standings=standings(devices, workspace_id=self.workspace.pk, now=self.now),
            days=metrics.day_bars(**scope, days=BAR_DAYS, now=self.now),
            sparks=metrics.sparklines(**scope, now=self.now),
            newest=metrics.newest(**scope),
            now=self.now,
        )
        return {"rows": rows, "older": write_place(page.next), "version": epoch_ms(self.now)}

    def _fragment(self, context: dict[str, Any]) -> HttpResponse:
        """Only the rows, for the page that is already open."""
        shared = {
            "workspace": self.workspace,
            "permissions": {name.replace(".", "_"): True for name in self.actor.permissions},
            "now": self.now,
            "silence": MaintenanceForm(auto_id="bulk-%s"),
        }
        response = render(self.request, "web/monitors_rows.html", context | shared)
        response["X-Fragment-Version"] = str(context["version"])
        response["Cache-Control"] = "no-store"
        return response

    def chosen(self) -> DeviceFilter:
        """The filter as the address says it; what means nothing narrows nothing."""
        query = self.request.GET
        return DeviceFilter(
            text=query.get("q", "").strip()[:120],
            look=SPELLED.get(query.get("state", "")),
            kind=query.get("kind", "") if query.get("kind") in Device.Kind.values else "",
            project_key=query.get("project", ""),
            tag=query.get("tag", ""),
        )

    def order(self) -> Order:
        order = self.request.GET.get("sort", "state")
        return cast("Order", order if order in ORDERS else "state")

    def waits(self) -> bool:
        return self.request.POST.get("act") != "delete"

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        """Do something to all that is ticked, or to none of it."""
        keys = [key for text in self.request.POST.getlist("pick") if (key := parse_uuid(text))]
        devices = list(devices_of(self.workspace, projects=self.actor.projects).filter(public_id__in=keys[:200]))
        here = self.request.get_full_path()
        # Enter in the field of tags adds them; anywhere else it chooses nothing.
        act = self.request.POST.get("act") or ("tag" if self.request.POST.get("tags") else "")
        if not devices or act not in ACTS:
            missing = "chosen" if devices else "ticked"
            messages.warning(self.request, f"Nothing was {missing}, so nothing has been changed.")
            return redirect(here)
        try:
            sentence = act_on(self, act, devices)
        except InvalidInputError as error:
            transaction.set_rollback(True)
            messages.error(self.request, error.message)
            return redirect(here)
        except DomainError as error:
            transaction.set_rollback(True)
            return self.refuse(error)
        return self.done(sentence, here)
