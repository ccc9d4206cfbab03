"""Sending: a delivery is leased in one transaction, sent outside of any, and recorded in another.

A process that dies between sending and recording leaves its lease to run out; the message is then sent again
under the same identity. Nothing else repeats a message, and nothing loses one.
"""

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Coalesce

from apps.common.errors import ConflictError
from apps.common.looks import Look
from apps.incidents import services as incidents
from apps.notifications import channels
from apps.notifications.channels import ChannelError
from apps.notifications.closing import drop_closed
from apps.notifications.lease_tokens import token_for, tokens_of
from apps.notifications.models import Channel, Delivery, DeliveryAttempt
from apps.notifications.queue import heads
from apps.notifications.retries import ATTEMPTS, next_try
from apps.notifications.types import Envelope, Receipt

logger = structlog.get_logger(__name__)

# Longer than any channel may take, so that only a dead or frozen worker's lease runs out.
LEASE = timedelta(minutes=3)
LANES = 8
# A message that has become due does not wait for one that hangs.
LOOK_AGAIN_S = 0.5
RESULT_LENGTH = 500
LOST = "The sender stopped before the result was known."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one try ended."""

    ok: bool
    result: str
    http_status: int | None = None
    # Another try cannot help; or it should not come before so many seconds have passed.
    final: bool = False
    retry_after_s: float | None = None
    receipt: Receipt | None = None


class _Clock:
    """The handed-in instant, moved on by the time that sending takes."""

    def __init__(self, now: datetime) -> None:
        self.start, self.mark = now, time.monotonic()

    def now(self) -> datetime:
        return self.start + timedelta(seconds=time.monotonic() - self.mark)


def deliver_due(*, now: datetime, limit: int, owner: str = "") -> int:
    """Send up to `limit` deliveries whose time has come; how many were tried.

    Several are on their way at once, so that a recipient that hangs delays nobody else; only this thread speaks
    to the database. Any number of workers may run this at once. A recipient's messages leave in the order in
    which they were planned: an older one that waits for its next try holds the newer ones back. An unforeseen
    error counts as a failed try, and is raised once the others are done. `owner` names the process, for `give_back`.
    """
    clock = _Clock(now)
    tried = 0
    errors: list[Exception] = []
    if not _due.finds_any(now):
        return 0
    under_way: dict[Future[Receipt], Delivery] = {}
    with ThreadPoolExecutor(LANES, thread_name_prefix="deliver") as lanes:
        while True:
            room = min(limit - tried, LANES - len(under_way))
            started = _start(lanes, room=room, clock=clock, owner=owner)
            under_way |= started
            tried += len(started)
            if not under_way:
                break
            for future in wait(under_way, LOOK_AGAIN_S, FIRST_COMPLETED).done:
                try:
                    _finish(under_way.pop(future), future, clock=clock, final=False)
                except Exception as error:  # noqa: BLE001  # kept, and raised below
                    errors.append(error)
    if errors:
        raise errors[0]
    return tried


def _start(lanes: ThreadPoolExecutor, *, room: int, clock: _Clock, owner: str) -> dict[Future[Receipt], Delivery]:
    """Claim and send off as many deliveries as there is room for."""
    claimed = _claim(now=clock.now(), room=room, owner=owner) if room else []
    return {_send_off(lanes, delivery, clock=clock): delivery for delivery in claimed}


def _send_off(lanes: ThreadPoolExecutor, delivery: Delivery, *, clock: _Clock) -> Future[Receipt]:
    return lanes.submit(channels.send, delivery.kind, _envelope(delivery, at=clock.now()))


def give_back(*, owner: str) -> int:
    """Free every delivery this owner holds, for a process that takes the place of one that was killed. How many.

    What was under way may have arrived, so it is sent again under the same identity; the try counts.
    """
    held = Delivery.objects.filter(status=Delivery.Status.PLANNED, lease_token__range=tokens_of(owner))
    return held.update(lease_token=None, lease_until=None)


@transaction.atomic
def retry(*, delivery: Delivery, now: datetime) -> Delivery:
    """Try a delivery that was given up again, with the full number of attempts; ConflictError for any other."""
    current: Delivery = Delivery.objects.of(delivery.workspace_id).select_for_update().get(pk=delivery.pk)
    if current.status != Delivery.Status.FAILED:
        raise ConflictError("Only a delivery that was given up can be tried again.")
    current.status = Delivery.Status.PLANNED
    current.attempts = 0
    current.next_at = now
    current.save(update_fields=["status", "attempts", "next_at"])
    return current


def send_now(planned: Sequence[Delivery], *, now: datetime) -> list[tuple[Delivery, Outcome]]:
    """Send deliveries that are leased from birth, one try each, side by side; what really came of every one."""
    clock = _Clock(now)
    with ThreadPoolExecutor(LANES, thread_name_prefix="test") as lanes:
        under_way = [(delivery, _send_off(lanes, delivery, clock=clock)) for delivery in planned]
        return [(delivery, _finish(delivery, future, clock=clock, final=True)) for delivery, future in under_way]


@Look
def _due(now: datetime) -> QuerySet[Delivery]:
    return Delivery.objects.filter(status=Delivery.Status.PLANNED, next_at__lte=now)


@transaction.atomic
def _claim(*, now: datetime, room: int, owner: str) -> list[Delivery]:
    """Lease up to `room` due deliveries. The try counts from here on: a message that kills is given up too."""
    claimed = []
    for delivery in _next_due(now)[:room]:
        if delivery.workspace.closed_at is not None:
            drop_closed(Delivery.objects.of(delivery.workspace_id).filter(pk=delivery.pk))
            continue
        if delivery.attempts >= ATTEMPTS:
            # Its last permitted try died with its worker.
            _settle(delivery, Outcome(ok=False, result=LOST), at=now)
            continue
        if delivery.channel_id is None and delivery.target.startswith("channel:"):
            # Its address stands in the delivery, but nobody is to be told there any more.
            _settle(delivery, Outcome(ok=False, result=channels.REMOVED), at=now)
            continue
        delivery.lease_token = token_for(owner)
        delivery.lease_until = now + LEASE
        delivery.attempts += 1
        delivery.save(update_fields=["lease_token", "lease_until", "attempts"])
        claimed.append(delivery)
    return claimed


def _next_due(now: datetime) -> QuerySet[Delivery]:
    """Due deliveries that nobody holds, locked; only the first of each recipient's queue can be one."""
    free = Q(lease_until__isnull=True) | Q(lease_until__lte=now)
    rows = _due(now).filter(free, pk__in=heads())
    due: QuerySet[Delivery] = rows.select_for_update(skip_locked=True, of=("self",)).order_by("next_at", "pk")
    return due.select_related("workspace", "channel", "route", "incident")


def _finish(delivery: Delivery, future: Future[Receipt], *, clock: _Clock, final: bool) -> Outcome:
    """Wait for a delivery's result and record it; an unforeseen error is recorded, then raised."""
    try:
        receipt = future.result()
        outcome = Outcome(ok=True, result=receipt.result, http_status=receipt.http_status, receipt=receipt)
    except ChannelError as error:
        outcome = Outcome(
            ok=False,
            result=error.reason,
            http_status=error.http_status,
            final=error.final,
            retry_after_s=error.retry_after_s,
        )
    except Exception:
        logger.exception("delivery broke", delivery=delivery.wire_id, kind=delivery.kind)
        _record(delivery, Outcome(ok=False, result="Internal error."), at=clock.now(), final=final)
        raise
    _record(delivery, outcome, at=clock.now(), final=final)
    return outcome


def _envelope(delivery: Delivery, *, at: datetime) -> Envelope:
    # Read anew: a secret may have been replaced since the message was planned.
    channel, route = delivery.channel, delivery.route
    config: Mapping[str, Any] = (channel.config or {}) if channel is not None else {}
    secret = route.secret if route is not None and delivery.kind == route.kind else None
    return Envelope(
        id=delivery.wire_id,
        event_name=delivery.event_name,
        recipient=delivery.recipient,
        payload=delivery.payload,
        secret=config.get("secret", secret),
        at=at,
        config=config,
    )


@transaction.atomic
def _record(delivery: Delivery, outcome: Outcome, *, at: datetime, final: bool) -> None:
    """Write the result, unless the lease was lost meanwhile: then another worker's result counts."""
    rows = Delivery.objects.of(delivery.workspace_id).select_for_update()
    current = rows.filter(pk=delivery.pk, lease_token=delivery.lease_token).first()
    if current is None:
        logger.warning("delivery lease lost", delivery=delivery.wire_id)
        return
    _note_try(current, outcome, at=at)
    over = final or outcome.ok or outcome.final
    again = None if over else next_try(attempts=current.attempts, now=at, not_before_s=outcome.retry_after_s)
    if again is None:
        _settle(current, outcome, at=at)
    else:
        _postpone(current, outcome, until=again)


def _note_try(delivery: Delivery, outcome: Outcome, *, at: datetime) -> None:
    DeliveryAttempt.objects.create(
        workspace_id=delivery.workspace_id,
        delivery=delivery,
        at=at,
        ok=outcome.ok,
        result=outcome.result[:RESULT_LENGTH],
        http_status=outcome.http_status,
    )


def _settle(delivery: Delivery, outcome: Outcome, *, at: datetime) -> None:
    """Sent or given up: the delivery's end, told in the incident's timeline."""
    delivery.status = Delivery.Status.SENT if outcome.ok else Delivery.Status.FAILED
    delivery.sent_at = at if outcome.ok else None
    delivery.next_at = None
    _save_result(delivery, outcome)
    _note_health(delivery, outcome, at=at)
    if delivery.incident is not None:
        incidents.record_notice(
            incident=delivery.incident,
            recipient=delivery.told,
            channel=delivery.kind,
            result="delivered" if outcome.ok else outcome.result,
            delivery=delivery.wire_id,
            at=at,
        )


def _note_health(delivery: Delivery, outcome: Outcome, *, at: datetime) -> None:
    """How the channel fares, for people who look at it; its first failure dates the trouble."""
    if delivery.channel_id is None:
        return
    rows = Channel.objects.of(delivery.workspace_id).filter(pk=delivery.channel_id)
    if outcome.ok:
        rows.update(last_ok_at=at, failing_since=None, last_error="")
    else:
        rows.update(failing_since=Coalesce("failing_since", Value(at)), last_error=outcome.result[:RESULT_LENGTH])


def _postpone(delivery: Delivery, outcome: Outcome, *, until: datetime) -> None:
    delivery.next_at = until
    _save_result(delivery, outcome)


def _save_result(delivery: Delivery, outcome: Outcome) -> None:
    delivery.result = outcome.result[:RESULT_LENGTH]
    delivery.http_status = outcome.http_status
    delivery.lease_token = None
    delivery.lease_until = None
    delivery.save(update_fields=["status", "sent_at", "next_at", "result", "http_status", "lease_token", "lease_until"])
