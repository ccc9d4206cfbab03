"""Test messages: sent at once with the real answer, or queued like any other message."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from django.conf import settings
from django.db import transaction

from apps.common import bus, limits
from apps.common.errors import InvalidInputError, NotFoundError, PremiumRequiredError, UnsupportedError
from apps.notifications import messages
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel, Delivery, Route
from apps.notifications.notices import recipients_of, rule_of, sms_rule_of
from apps.notifications.reaches import Reach, of_channel
from apps.notifications.services.deliveries import LEASE, send_now
from apps.notifications.services.planning import delivery_to, recipient_key
from apps.notifications.services.rules import clean_address
from apps.notifications.types import TestOutcome
from apps.notifications.workspace_rules import is_number, number_of
from apps.projects.models import Project
from apps.workspaces.models import Workspace
from apps.workspaces.usage import plan_of

SENTENCE = "Too many test messages: at most 5 a minute and 50 a day."
# Of one workspace, whoever asks and whatever they travel by: a test reaches people and may cost money.
MOST = (
    limits.Limit("test-message", 5, sentence=SENTENCE),
    limits.Limit("test-message-day", 50, window_s=24 * 3600, sentence=SENTENCE),
)


def send_test(
    *, workspace: Workspace, kind: ChannelKind, now: datetime, to: str | None = None
) -> Sequence[TestOutcome]:
    """Send a test message of a workspace's rule at once, one try for each recipient; what really came of it.

    E-mail and SMS go to `to`, else to the rule's recipients, enabled or not; a webhook to its URL. The tries are in
    the log. InvalidInputError when there is nobody to send to, RateLimitedError after 5 in a minute or 50 in a day.
    """
    _count(workspace.pk, now=now)
    route = Route.objects.of(workspace).filter(kind=kind, scope=Route.Scope.WORKSPACE).first()
    return _sent(workspace, route, _rule_reaches(workspace, route, kind=kind, to=to), now=now)


def send_channel_test(*, channel: Channel, now: datetime) -> Sequence[TestOutcome]:
    """Send a test message through a channel at once, to each of its recipients; limited like `send_test`."""
    _count(channel.workspace_id, now=now)
    return _sent(channel.workspace, None, list(of_channel(channel)), now=now)


def send_texts(*, channel: Channel, texts: Sequence[tuple[str, str]], now: datetime) -> Sequence[TestOutcome]:
    """Send titles and texts of one's own through a channel at once, one after the other; limited like `send_test`."""
    _count(channel.workspace_id, now=now)
    found = list(of_channel(channel))
    return [
        outcome
        for title, text in texts
        for outcome in _sent(channel.workspace, None, found, now=now, said=(title, text))
    ]


@transaction.atomic
def queue_test(*, project: Project, kind: str, key: str | None, fallback_email: str, now: datetime) -> Delivery:
    """Put a test message for a channel of a project's routing into the outbox; the first of its deliveries.

    `key` names the channel, else the first of the kind is taken; without any, an e-mail goes to `fallback_email`.
    NotFoundError for an unknown key, InvalidInputError when there is nothing to send to, PremiumRequiredError for
    SMS on the Free plan, RateLimitedError as for `send_test`.
    """
    workspace = project.workspace
    _count(workspace.pk, now=now)
    if kind == ChannelKind.SMS and plan_of(workspace, now=now) == "free":
        raise PremiumRequiredError("SMS needs the Premium plan.")
    channel = _channel(project, kind, key)
    if channel is not None:
        found = list(of_channel(channel))
    elif kind == ChannelKind.EMAIL and fallback_email:
        found = [Reach(ChannelKind.EMAIL, fallback_email, "")]
    else:
        raise InvalidInputError(fields={"channel": "This project has no channel of this type."})
    planned = [_test(workspace, None, reach, now=now) for reach in found]
    Delivery.objects.bulk_create(planned)
    transaction.on_commit(lambda: bus.publish(bus.NOTIFICATIONS))
    return planned[0]


def _count(workspace_id: int, *, now: datetime) -> None:
    for limit in MOST:
        limits.count(limit, f"workspace:{workspace_id}", now=now)


def _channel(project: Project, kind: str, key: str | None) -> Channel | None:
    rows = Channel.objects.of(project.workspace_id).filter(project=project, kind=kind)
    if key is not None:
        channel: Channel | None = rows.filter(key=key).first()
        if channel is None:
            raise NotFoundError("Channel not found")
        return channel
    first: Channel | None = rows.order_by("position", "pk").first()
    return first


def _rule_reaches(workspace: Workspace, route: Route | None, *, kind: ChannelKind, to: str | None) -> list[Reach]:
    if kind == ChannelKind.WEBHOOK:
        if route is None or not route.url:
            raise InvalidInputError("No webhook is set.")
        return [Reach(kind, route.url, "")]
    if kind == ChannelKind.SMS:
        number = _number(to or sms_rule_of(route).to)
        if settings.SMS is None:
            raise UnsupportedError("No SMS provider is configured.")
        return [Reach(kind, number, "")]
    addresses = [clean_address(to)] if to else recipients_of(rule_of(route), workspace)
    if not addresses:
        raise InvalidInputError("There is no address to send to.")
    return [Reach(kind, address, "") for address in addresses]


def _number(text: str) -> str:
    number = number_of(text)
    if not is_number(number):
        raise InvalidInputError(fields={"to": "SMS number must be E.164, e.g. +61400111222"})
    return number


def _sent(
    workspace: Workspace,
    route: Route | None,
    found: Sequence[Reach],
    *,
    now: datetime,
    said: tuple[str, str] | None = None,
) -> Sequence[TestOutcome]:
    # Leased from birth, so that no worker takes them away; they wait for nothing that is queued.
    planned = [_test(workspace, route, reach, now=now, said=said) for reach in found]
    for delivery in planned:
        delivery.attempts, delivery.lease_token, delivery.lease_until = 1, uuid.uuid4(), now + LEASE
    Delivery.objects.bulk_create(planned)
    return [
        TestOutcome(
            delivery_id=delivery.wire_id,
            recipient=delivery.shown_recipient,
            ok=outcome.ok,
            result=outcome.result,
            http_status=outcome.http_status,
            reference=outcome.receipt.reference if outcome.receipt else None,
            test_mode=outcome.receipt.test_mode if outcome.receipt else False,
        )
        for delivery, outcome in send_now(planned, now=now)
    ]


def _test(
    workspace: Workspace, route: Route | None, reach: Reach, *, now: datetime, said: tuple[str, str] | None = None
) -> Delivery:
    """One test message, unsaved; with `said` in the words of whoever asked for it."""
    delivery = delivery_to(reach, workspace=workspace, route=route, event_name="test", now=now)
    delivery.dedupe_key = recipient_key("test", delivery.wire_id)
    words = messages.mail_for_test if reach.kind == ChannelKind.EMAIL else messages.message_for_test
    delivery.payload = words(workspace=workspace, delivery_id=delivery.wire_id, at=now)
    if said is not None and reach.kind == ChannelKind.EMAIL:
        mail = {"subject": " ".join(said[0].split()), "text": said[1]}
        delivery.payload = {**mail, "message_id": messages.message_id(delivery.wire_id)}
    elif said is not None:
        delivery.payload |= {"title": said[0], "text": said[1], "facts": (), "url": ""}
    return delivery
