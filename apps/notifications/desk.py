"""What planning reads, read once for the events of one transaction: in a mass outage thousands share it."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from datetime import datetime
from typing import TypeVar, cast

from django.db.models import Q

from apps.devices.models import Device
from apps.incidents.models import IncidentEvent
from apps.notifications.messages import News
from apps.notifications.models import Route
from apps.notifications.people import members
from apps.notifications.reaches import Reach, channels_of, reaches
from apps.notifications.routing import Policy
from apps.notifications.routing.document import policy_of
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import windows_between
from apps.workspaces.models import Workspace

T = TypeVar("T")
# How many events or escalations share a transaction and its desk: enough to read what they have in common once, few
# enough that nobody who writes waits long for SQLite's one lock.
TOGETHER = 25


def policy_for(route: Route) -> Policy:
    """The routing of a project as it is now; a surface's route tells all of its channels at once."""
    return policy_of(route.policy, channels=list(channels_of(route).values_list("key", flat=True)))


class Desk:
    """Everything around some events as their transaction finds it. Thrown away with the transaction."""

    def __init__(self, events: Iterable[IncidentEvent], *, now: datetime) -> None:
        self._events, self._now = {event.pk: event for event in events}, now
        self._seen: dict[Hashable, object] = {}

    def news(self, event: IncidentEvent) -> News:
        """The event with its workspace, its incident, its device, which may be gone by now, and its windows."""
        workspaces = self._once("workspaces", self._read_workspaces)
        workspace = workspaces.get(event.workspace_id) or Workspace.objects.get(pk=event.workspace_id)
        return News(
            workspace=workspace,
            event=event,
            incident=event.incident,
            device=self._device(event),
            windows=self._windows(event),
        )

    def routes(self, event: IncidentEvent) -> list[Route]:
        """The workspace's rules that are on, the routing of the subject's project, and what surfaces have for it."""
        incident, kind = event.incident, event.subject_kind
        project, rule = (incident.project_id, incident.rule_id) if incident is not None else (None, None)
        return self._once(
            ("routes", event.workspace_id, project, kind, rule),
            lambda: _routes(event.workspace_id, project, kind=kind, rule_id=rule),
        )

    def policy(self, route: Route) -> Policy:
        """The routing of a project as it is now."""
        return self._once(("policy", route.pk), lambda: policy_for(route))

    def reaches(self, route: Route, target: str) -> list[Reach]:
        """Everything a target of a route means now."""
        return self._once(("reaches", route.pk, target), lambda: reaches(route, target))

    def present(self, workspace_id: int) -> set[str]:
        """Who has a seat, by the public ids of the users."""
        return self._once(("members", workspace_id), lambda: set(members(workspace_id)))

    def _once(self, key: Hashable, read: Callable[[], T]) -> T:
        if key not in self._seen:
            self._seen[key] = read()
        return cast("T", self._seen[key])

    def _device(self, event: IncidentEvent) -> Device | None:
        if event.subject_kind != "device":
            return None
        devices = self._once("devices", self._read_devices)
        return devices.get((event.workspace_id, event.subject_id))

    def _windows(self, event: IncidentEvent) -> list[MaintenanceWindow]:
        """The windows that cover its device at any time between the event and now."""
        device = self._device(event)
        if device is None:
            return []
        if event.pk not in self._events:
            return _windows(event.workspace_id, [device], start=event.at, end=max(self._now, event.at))[device.pk]
        known = self._once(("windows", event.workspace_id), lambda: self._read_windows(event.workspace_id))
        return known[device.pk]

    def _read_workspaces(self) -> Mapping[int, Workspace]:
        return Workspace.objects.in_bulk({event.workspace_id for event in self._events.values()})

    def _read_devices(self) -> Mapping[tuple[int, int], Device]:
        """By workspace and primary key: an event finds none of another workspace."""
        events = [event for event in self._events.values() if event.subject_kind == "device"]
        rows = Device.objects.filter(
            workspace_id__in={event.workspace_id for event in events}, pk__in={event.subject_id for event in events}
        )
        return {(device.workspace_id, device.pk): device for device in rows.select_related("project")}

    def _read_windows(self, workspace_id: int) -> Mapping[int, list[MaintenanceWindow]]:
        devices = [device for (owner, _), device in self._once("devices", self._read_devices).items()]
        ours = [device for device in devices if device.workspace_id == workspace_id]
        instants = [event.at for event in self._events.values() if event.workspace_id == workspace_id]
        return _windows(workspace_id, ours, start=min(instants), end=max(self._now, *instants))


def _routes(workspace_id: int, project_id: int | None, *, kind: str, rule_id: int | None) -> list[Route]:
    rows = Route.objects.of(workspace_id).filter(enabled=True).select_related("project", "rule")
    of_surface = Q(scope=Route.Scope.SURFACE, subject_kind=kind) & (Q(rule=None) | Q(rule=rule_id))
    asked = Q(scope=Route.Scope.WORKSPACE) | of_surface
    if project_id is not None:
        asked |= Q(project=project_id)
    return list(rows.filter(asked).order_by("pk"))


def _windows(
    workspace_id: int, devices: Iterable[Device], *, start: datetime, end: datetime
) -> Mapping[int, list[MaintenanceWindow]]:
    subjects = {device.pk: device.project_id for device in devices}
    return windows_between(workspace_id=workspace_id, kind="device", subjects=subjects, start=start, end=end)
