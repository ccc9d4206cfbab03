"""Subscribers: asked twice before anything is sent, gone with one click, and never told apart by an answer."""

import hmac
from datetime import datetime, timedelta
from hashlib import sha256

from django.conf import settings
from django.db import transaction

from apps.accounts.addresses import is_address
from apps.common.egress import forbidden_reason
from apps.common.errors import InvalidInputError
from apps.common.ids import digest, new_secret
from apps.common.text import is_storable
from apps.notifications.kinds import ChannelKind
from apps.notifications.services import queue_message
from apps.statuspages import mails
from apps.statuspages.models import StatusPage, Subscriber
from apps.statuspages.words import USUAL, known

# One question to an address in this time, however often a stranger fills in the form.
ASK_AGAIN = timedelta(minutes=15)
KEEP_QUESTION = timedelta(days=7)
LONGEST = 2048
# More than this waiting for their yes at once is somebody playing with the form.
MOST_WAITING = 2000


@transaction.atomic
def subscribe(*, page: StatusPage, kind: Subscriber.Kind, address: str, language: str, now: datetime) -> None:
    """Ask an address whether it wants a page's updates. Nothing tells whether it had subscribed before.

    InvalidInputError on `address` when nobody could be written to there.
    """
    address = clean(kind, address)
    StatusPage.objects.of(page.workspace_id).select_for_update().get(pk=page.pk)
    rows = Subscriber.objects.of(page.workspace_id).filter(page=page)
    subscriber: Subscriber | None = rows.filter(kind=kind, address_hash=digest(address)).first()
    if subscriber is None:
        if rows.filter(confirmed_at__isnull=True).count() >= MOST_WAITING:
            return
        subscriber = Subscriber(
            workspace_id=page.workspace_id,
            page=page,
            kind=kind,
            address=address,
            address_hash=digest(address),
            created_at=now,
        )
        subscriber.unsubscribe_hash = digest(unsubscribe_token(subscriber))
    elif subscriber.confirmed_at is not None or now < subscriber.asked_at + ASK_AGAIN:
        return
    _ask(subscriber, language=known(language) or USUAL, now=now)


def _ask(subscriber: Subscriber, *, language: str, now: datetime) -> None:
    token = new_secret("spc_")
    subscriber.confirm_hash, subscriber.language, subscriber.asked_at = digest(token), language, now
    subscriber.save()
    is_mail = subscriber.kind == Subscriber.Kind.EMAIL
    payload = mails.question(subscriber, token) if is_mail else mails.question_body(subscriber, token, at=now)
    queue_message(
        workspace=subscriber.page.workspace,
        kind=ChannelKind(subscriber.kind),
        recipient=subscriber.address,
        event_name="subscription.confirm",
        payload=payload,
        key=f"subscribe:{subscriber.public_id}:{digest(token)}",
        now=now,
    )


@transaction.atomic
def confirm(*, page: StatusPage, token: str, now: datetime) -> bool:
    """Take the yes of an address; False for a token that is used up or was never given out."""
    rows = Subscriber.objects.of(page.workspace_id).filter(page=page, confirmed_at__isnull=True)
    return bool(rows.filter(confirm_hash=digest(token)).update(confirmed_at=now, confirm_hash=""))


@transaction.atomic
def unsubscribe(*, page: StatusPage, token: str) -> bool:
    """Forget an address by its own link; False when nobody is known by it."""
    gone, _ = Subscriber.objects.of(page.workspace_id).filter(page=page, unsubscribe_hash=digest(token)).delete()
    return bool(gone)


@transaction.atomic
def prune_questions(*, now: datetime, limit: int) -> int:
    """Forget addresses that never said yes; how many."""
    old = Subscriber.objects.filter(confirmed_at__isnull=True, asked_at__lt=now - KEEP_QUESTION).order_by("pk")
    gone, _ = Subscriber.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:limit])).delete()
    return gone


@transaction.atomic
def remove_subscriber(*, subscriber: Subscriber) -> None:
    """Forget an address by hand."""
    subscriber.delete()


def unsubscribe_token(subscriber: Subscriber) -> str:
    """The secret of a subscriber's own link: derived, so that every message can carry it and no table holds it."""
    mac = hmac.new(settings.SECRET_KEY.encode(), f"unsubscribe:{subscriber.public_id}".encode(), sha256)
    return f"spu_{mac.hexdigest()}"


def clean(kind: Subscriber.Kind, address: str) -> str:
    """The address as it is stored; InvalidInputError on `address`."""
    text = address.strip()
    if not is_storable(text) or len(text) > LONGEST:
        raise _refused()
    if kind == Subscriber.Kind.EMAIL:
        text = text.lower()
        if not is_address(text):
            raise _refused()
    elif not text.lower().startswith("https://") or forbidden_reason(text):
        raise _refused()
    return text


def _refused() -> InvalidInputError:
    return InvalidInputError(fields={"address": "An e-mail address, or a webhook that begins with https://."})
