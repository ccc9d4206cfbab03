"""What a message is made of."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.devices.models import Device
from apps.incidents.models import Incident, IncidentEvent
from apps.projects.models import MaintenanceWindow, Project
from apps.workspaces.models import Workspace


@dataclass(frozen=True, slots=True)
class News:
    """One event with everything a message may want to say about it. The device may be gone by now."""

    workspace: Workspace
    event: IncidentEvent
    incident: Incident | None
    device: Device | None
    # The maintenance windows that touched the device between the event and now.
    windows: Sequence[MaintenanceWindow] = ()

    @property
    def name(self) -> str:
        """As the subject was called when it happened."""
        return str(self.event.detail.get("name") or (self.incident.subject_name if self.incident else ""))

    @property
    def project(self) -> Project | None:
        """Where it belongs, or belonged when its incident opened."""
        if self.device is not None:
            return self.device.project
        return self.incident.project if self.incident else None

    @property
    def cause_text(self) -> str:
        return str(self.event.detail.get("cause_text") or (self.incident.cause_text if self.incident else ""))

    @property
    def metric(self) -> str:
        """What a rule about values looked at; "" where a state changed."""
        return str(self.event.detail.get("metric") or (self.incident.metric if self.incident else ""))

    @property
    def is_notice(self) -> bool:
        """Whether it happened and was over at once."""
        return bool(self.event.detail.get("notice"))

    @property
    def state(self) -> str | None:
        """The state that the subject is in now. Trouble with a value counts by its severity (contract Dashmon 9.1)."""
        if not self.metric or self.event.kind == IncidentEvent.Kind.CLOSED:
            after: str | None = self.event.detail.get("after")
            return after
        return "down" if self.event.detail.get("severity") == Incident.Severity.CRITICAL else "warning"
