"""Messages as the log shows them: to whom, about what, how it stands and why."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

from apps.notifications.models import Delivery
from apps.projects.models import Project
from apps.web.presenters.routing import channel_word

STATES = {"planned": "Waiting", "sent": "Sent", "failed": "Given up", "dropped": "Not sent"}
EVENTS = {
    "down": "down",
    "up": "up again",
    "test": "test message",
    "incident.opened": "opened",
    "incident.escalated": "escalated",
    "incident.acknowledged": "acknowledged",
    "incident.resolved": "resolved",
    "incident.flapping": "keeps changing",
}
HIDDEN = "address hidden"


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One message."""

    delivery: Delivery
    recipient: str
    kind: str
    state: str
    event: str
    about: str  # which step of which round caused it
    why: str
    project: Project | None

    @property
    def wire_id(self) -> str:
        return quote(self.delivery.wire_id)


def row(delivery: Delivery, *, reveal: bool) -> DeliveryRow:
    """A delivery in words; without `reveal` its address is not shown."""
    return DeliveryRow(
        delivery=delivery,
        recipient=recipient_of(delivery, reveal=reveal),
        kind=channel_word(delivery.kind),
        state=STATES.get(delivery.status, delivery.status),
        event=EVENTS.get(delivery.event_name, delivery.event_name),
        about=_step(delivery),
        why=_why(delivery),
        project=project_of(delivery),
    )


def rows(deliveries: Sequence[Delivery], *, reveal: bool) -> list[DeliveryRow]:
    return [row(delivery, reveal=reveal) for delivery in deliveries]


def recipient_of(delivery: Delivery, *, reveal: bool) -> str:
    """Whom it went to; a channel's name or nothing for those who may not see addresses."""
    if reveal:
        return delivery.shown_recipient
    return str(delivery.channel) if delivery.channel is not None else HIDDEN


def project_of(delivery: Delivery) -> Project | None:
    """The project a message concerns: that of its incident, else of the channel it tested."""
    if delivery.incident is not None and delivery.incident.project is not None:
        return delivery.incident.project
    return delivery.channel.project if delivery.channel is not None else None


def _step(delivery: Delivery) -> str:
    if not delivery.target or delivery.event_name not in {"incident.opened", "incident.escalated"}:
        return ""
    return f"step {delivery.step + 1}" + (f", round {delivery.loop + 1}" if delivery.loop else "")


def _why(delivery: Delivery) -> str:
    """The other side's answer, or why there is none yet."""
    if delivery.status == Delivery.Status.PLANNED and delivery.attempts:
        return f"{delivery.result or 'No answer yet.'} It is tried again."
    if delivery.status == Delivery.Status.PLANNED:
        return "In the queue"
    if delivery.status == Delivery.Status.DROPPED:
        return delivery.result or "It was due, and was held back."
    return delivery.result
