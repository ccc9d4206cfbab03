"""From events to deliveries: each event is planned once, and the events of one subject in their order."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Exists, OuterRef

from apps.common.ids import encode_uuid
from apps.devices.models import Device
from apps.incidents.models import IncidentEvent
from apps.notifications import messages, notices
from apps.notifications.messages import News
from apps.notifications.models import ChannelKind, Delivery, Route
from apps.workspaces.models import Workspace

logger = structlog.get_logger(__name__)


class _StuckError(Exception):
    """One event that could not be planned; the others go on."""

    def __init__(self, event_id: int) -> None:
        super().__init__(f"event {event_id} could not be planned")
        self.event_id = event_id


def fan_out(*, now: datetime, limit: int) -> int:
    """Plan the deliveries of up to `limit` waiting events; how many events were planned.

    One transaction for each event: either it is planned and marked, or it waits as before. Any number of workers
    may run this at once. An event that fails is left waiting, holds back only its own subject, and its error is
    raised once the others are done.
    """
    planned = 0
    stuck: dict[int, _StuckError] = {}
    while planned + len(stuck) < limit:
        try:
            with transaction.atomic():
                event = _claim(stuck)
                if event is None:
                    break
                _plan_or_name(event, now=now)
        except _StuckError as error:
            stuck[error.event_id] = error
        else:
            planned += 1
    if stuck:
        raise next(iter(stuck.values()))
    return planned


def _claim(stuck: Iterable[int]) -> IncidentEvent | None:
    """The oldest waiting event whose subject has no older one waiting, locked until its transaction ends.

    Events of one subject take turns because each decides on the notices of those before it. An older one that
    another worker holds still counts as waiting, so its successor stays out of reach until it is committed.
    """
    waiting = IncidentEvent.objects.filter(fanned_out_at__isnull=True)
    older = waiting.filter(
        workspace_id=OuterRef("workspace_id"),
        subject_kind=OuterRef("subject_kind"),
        subject_id=OuterRef("subject_id"),
        pk__lt=OuterRef("pk"),
    )
    rows = waiting.filter(~Exists(older)).exclude(pk__in=list(stuck))
    event: IncidentEvent | None = rows.select_for_update(skip_locked=True).order_by("pk").first()
    return event


def _plan_or_name(event: IncidentEvent, *, now: datetime) -> None:
    try:
        _plan(event, now=now)
        IncidentEvent.objects.of(event.workspace_id).filter(pk=event.pk).update(fanned_out_at=now)
    except Exception as error:
        logger.exception("event not planned", event_id=event.pk, workspace_id=event.workspace_id)
        raise _StuckError(event.pk) from error


def _plan(event: IncidentEvent, *, now: datetime) -> None:
    routes = list(Route.objects.of(event.workspace_id).filter(enabled=True).order_by("pk"))
    if not routes:
        return
    news = _news(event)
    planned = []
    for route in routes:
        plan = _mails if route.kind == ChannelKind.EMAIL else _webhook_calls
        planned += plan(route, news, now=now)
    # A delivery that is there already stays as it is.
    Delivery.objects.of(event.workspace_id).bulk_create(planned, ignore_conflicts=True)


def _news(event: IncidentEvent) -> News:
    device = None
    if event.subject_kind == "device":
        rows = Device.objects.of(event.workspace_id).select_related("project")
        device = rows.filter(pk=event.subject_id).first()
    workspace = Workspace.objects.get(pk=event.workspace_id)
    return News(workspace=workspace, event=event, incident=event.incident, device=device)


def _mails(route: Route, news: News, *, now: datetime) -> list[Delivery]:
    earned = notices.mails(route=route, workspace=news.workspace, event=news.event)
    if not earned:
        return []
    word = earned[0].event
    words = messages.state_mail(news, word=word)
    mails = [_delivery(route, news, event_name=word, recipient=notice.to, now=now) for notice in earned]
    for mail in mails:
        mail.payload = words | {"message_id": messages.message_id(mail.wire_id)}
    return mails


def _webhook_calls(route: Route, news: News, *, now: datetime) -> list[Delivery]:
    event_name = messages.WEBHOOK_EVENTS.get(news.event.kind)
    if event_name is None or news.incident is None or news.event.detail.get("in_maintenance"):
        return []
    delivery = _delivery(route, news, event_name=event_name, recipient=route.url, now=now)
    delivery.payload = messages.event_body(news, event_name=event_name)
    return [delivery]


def _delivery(route: Route, news: News, *, event_name: str, recipient: str, now: datetime) -> Delivery:
    event = news.event
    return Delivery(
        workspace_id=event.workspace_id,
        route=route,
        event=event,
        incident=news.incident,
        kind=route.kind,
        event_name=event_name,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        occurred_at=event.at,
        recipient=recipient,
        recipient_key=recipient_key(route.kind, recipient),
        dedupe_key=_dedupe_key(event, route, recipient),
        created_at=now,
        next_at=now,
    )


def recipient_key(kind: str, recipient: str) -> str:
    """One recipient of one kind in 64 characters."""
    return _digest(kind, recipient)


def _dedupe_key(event: IncidentEvent, route: Route, recipient: str) -> str:
    """Contract Dashmon 9.1: incident, event, step and loop, here under the event's own identity."""
    return _digest(encode_uuid("evt", event.public_id), route.kind, recipient, "0", "0")


def _digest(*words: Any) -> str:
    return sha256("\n".join(map(str, words)).encode()).hexdigest()
