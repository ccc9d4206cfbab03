"""Telling subscribers: in slices, behind a cursor, so that a killed step goes on where it was."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from apps.common.ids import digest
from apps.common.looks import Look
from apps.notifications.kinds import ChannelKind
from apps.notifications.services import queue_message
from apps.statuspages import mails
from apps.statuspages.models import StatusUpdate, Subscriber
from apps.statuspages.selectors import components_of
from apps.statuspages.services.subscribers import unsubscribe_token

SLICE = 100


def tell_subscribers(*, now: datetime, limit: int) -> int:
    """Queue up to `limit` messages about posts that wait to be told; how many were queued.

    One transaction for each slice: messages and cursor move together, and each message has a key of post and
    subscriber, so any number of workers, killed anywhere, tell everybody once.
    """
    if not _waiting.finds_any(now):
        return 0
    told = 0
    while told < limit:
        with transaction.atomic():
            update = _claim(now)
            if update is None:
                break
            told += _tell(update, now=now, room=min(SLICE, limit - told))
    return told


@Look
def _waiting(_: datetime) -> "QuerySet[StatusUpdate]":
    return StatusUpdate.objects.filter(notify=True, notified_at__isnull=True)


def _claim(now: datetime) -> StatusUpdate | None:
    update: StatusUpdate | None = (
        _waiting(now)
        .select_for_update(skip_locked=True, of=("self",))
        .select_related("page", "page__workspace")
        .order_by("pk")
        .first()
    )
    return update


def _tell(update: StatusUpdate, *, now: datetime, room: int) -> int:
    rows = Subscriber.objects.of(update.workspace_id).filter(
        page=update.page, pk__gt=update.notified_through, confirmed_at__lte=update.published_at
    )
    slice_ = list(rows.order_by("pk")[:room])
    names = _names(update)
    for subscriber in slice_:
        _queue(update, subscriber, names, now=now)
        update.notified_through = subscriber.pk
    if len(slice_) < room:
        update.notified_at = now
    update.save(update_fields=["notified_through", "notified_at"])
    return len(slice_)


def _names(update: StatusUpdate) -> list[str]:
    """The post's projects as visitors know them; one that the page does not show has no public name."""
    shown = {row.project_id: row.shown_name for row in components_of(update.page) if row.project_id is not None}
    return [shown[pk] for pk in update.projects.order_by("name", "pk").values_list("pk", flat=True) if pk in shown]


def _queue(update: StatusUpdate, subscriber: Subscriber, names: list[str], *, now: datetime) -> None:
    subscriber.page = update.page
    token = unsubscribe_token(subscriber)
    if digest(token) != subscriber.unsubscribe_hash:
        # The installation's key was changed: the link of this message is the one that counts from now on.
        subscriber.unsubscribe_hash = digest(token)
        subscriber.save(update_fields=["unsubscribe_hash"])
    is_mail = subscriber.kind == Subscriber.Kind.EMAIL
    words = mails.news(update, subscriber, token, names) if is_mail else mails.news_body(update, token, names)
    queue_message(
        workspace=update.page.workspace,
        kind=ChannelKind(subscriber.kind),
        recipient=subscriber.address,
        event_name="status.update",
        payload=words,
        key=f"status-update:{update.public_id}:{subscriber.public_id}",
        now=now,
    )
