"""Deliveries as rows: what they say is decided here, once, and a repeat of the same decision adds nothing."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any

from apps.common.ids import encode_uuid
from apps.notifications import messages
from apps.notifications.kinds import ChannelKind
from apps.notifications.messages import News
from apps.notifications.messages.styled import worded
from apps.notifications.models import Delivery, Route
from apps.notifications.reaches import Reach


def plan_delivery(
    route: Route, news: News, reach: Reach, *, event_name: str, now: datetime, step: int = 0, loop: int = 0
) -> Delivery:
    """One message to one recipient about one event, unsaved. Its key makes it unique, so one recipient hears one
    event once, whichever routes speak (domain: incident, event, step and loop).
    """
    event = news.event
    delivery = delivery_to(
        reach,
        workspace_id=event.workspace_id,
        route=route,
        event=event,
        incident=news.incident,
        step=step,
        loop=loop,
        event_name=event_name,
        subject_kind=event.subject_kind,
        subject_id=event.subject_id,
        occurred_at=event.at,
        dedupe_key=digest(encode_uuid("evt", event.public_id), reach.kind, reach.recipient, step, loop),
        now=now,
    )
    delivery.payload = payload_of(news, delivery)
    return delivery


def delivery_to(reach: Reach, *, now: datetime, **fields: Any) -> Delivery:
    """A delivery to somebody, unsaved and due at once; `fields` say what of."""
    return Delivery(
        channel=reach.channel,
        kind=reach.kind,
        target=reach.target,
        recipient=reach.recipient,
        recipient_key=recipient_key(reach.kind, reach.recipient),
        created_at=now,
        next_at=now,
        **fields,
    )


def save_planned(planned: Sequence[Delivery]) -> None:
    """Write deliveries; one that is there already stays as it is."""
    Delivery.objects.bulk_create(planned, ignore_conflicts=True)


def payload_of(news: News, delivery: Delivery) -> dict[str, Any]:
    """The message as its recipient will get it, in the words of the route that sends it."""
    assert delivery.route is not None
    own = worded(news, delivery.route, event_name=delivery.event_name)
    which: Mapping[str, Any] = {"event_name": delivery.event_name, "step": delivery.step, "loop": delivery.loop}
    if delivery.kind == ChannelKind.EMAIL:
        mail = own.mail if own is not None else messages.mail(news, **which)
        return mail | {"message_id": messages.message_id(delivery.wire_id)}
    payload = messages.message(news, **which)
    if own is not None:
        title, text = own.chat if own.chat and delivery.kind == ChannelKind.TELEGRAM else (own.title, own.text)
        payload |= {"title": title, "text": text, "facts": (), "url": "", **own.more}
        payload["channel"] = None if delivery.channel is None else delivery.channel.number
    return payload


def recipient_key(kind: str, recipient: str) -> str:
    """One recipient of one kind in 64 characters."""
    return digest(kind, recipient)


def digest(*words: Any) -> str:
    """SHA-256 over words, in hex."""
    return sha256("\n".join(map(str, words)).encode()).hexdigest()
