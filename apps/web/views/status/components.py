"""What a page shows and in which order: picked and moved by plain buttons, one form for all of it."""

from collections.abc import Sequence
from typing import Any

from django.db import transaction
from django.http import HttpResponse, QueryDict

from apps.common.errors import InvalidInputError
from apps.devices.models import Device
from apps.projects.models import Project, Tag
from apps.statuspages import selectors, services
from apps.statuspages.models import StatusComponent
from apps.statuspages.services import Choice
from apps.web.views.status.editor import StatusSection

MOST = 200


class StatusComponents(StatusSection):
    """The list, its order, and what could be added."""

    def get(self, _: Any, page: str) -> HttpResponse:
        row = self.page(page)
        shown = selectors.components_of(row)
        context = {"rows": shown, "options": self._options(shown), "preview": not row.is_private}
        return self.framed("web/status_components.html", row, context)

    @transaction.atomic
    def post(self, _: Any, page: str) -> HttpResponse:
        row, sent = self.page(page), self.request.POST
        rows = moved(selectors.components_of(row), sent.get("act", ""))
        choices = [_choice(one, sent) for one in rows if not sent.get(f"remove-{one.pk}")]
        if sent.get("act") == "add" and (added := self._added(sent.get("add", ""))) is not None:
            choices.append(added)
        services.set_components(page=row, choices=choices[:MOST])
        self.audit("statusPage.update", row.slug, {"changed": ["components"]})
        return self.done("Saved.", self.address("status-components", row.wire_id))

    def _options(self, shown: Sequence[StatusComponent]) -> list[tuple[str, list[tuple[str, str]]]]:
        used = {(row.project_id, row.tag_id, row.device_id) for row in shown}
        projects = [(f"project:{one.key}", one.name) for one in self._projects() if (one.pk, None, None) not in used]
        tags = [(f"tag:{one.text}", one.text) for one in self._tags() if (None, one.pk, None) not in used]
        devices = [
            (f"device:{one.number}", one.name) for one in self._devices()[:500] if (None, None, one.pk) not in used
        ]
        return [("Projects", projects), ("Tags", tags), ("Monitors", devices)]

    def _added(self, text: str) -> Choice | None:
        kind, _, key = text.partition(":")
        if kind == "project" and (project := self._projects().filter(key=key).first()) is not None:
            return Choice(project=project)
        if kind == "tag" and (tag := self._tags().filter(text=key).first()) is not None:
            return Choice(tag=tag)
        number = int(key) if key.isascii() and key.isdigit() and len(key) < 10 else 0
        if kind == "device" and (device := self._devices().filter(number=number).first()) is not None:
            return Choice(device=device)
        if text:
            raise InvalidInputError("There is no such thing to add.")
        return None

    def _projects(self) -> Any:
        return Project.objects.of(self.workspace).order_by("name", "id")

    def _tags(self) -> Any:
        return Tag.objects.of(self.workspace).order_by("text")

    def _devices(self) -> Any:
        return Device.objects.of(self.workspace).order_by("name", "id")


def moved(rows: Sequence[StatusComponent], act: str) -> list[StatusComponent]:
    """The rows with one of them a place up or down: `up:17`, `down:17`; anything else moves nothing."""
    found = list(rows)
    direction, _, key = act.partition(":")
    place = next((index for index, row in enumerate(found) if str(row.pk) == key), None)
    step = {"up": -1, "down": 1}.get(direction)
    if place is None or step is None or not 0 <= place + step < len(found):
        return found
    found[place], found[place + step] = found[place + step], found[place]
    return found


def _choice(row: StatusComponent, sent: QueryDict) -> Choice:
    return Choice(
        project=row.project,
        tag=row.tag,
        device=row.device,
        name=sent.get(f"name-{row.pk}", row.name).replace("\x00", ""),
        group=sent.get(f"group-{row.pk}", row.group).replace("\x00", ""),
    )
