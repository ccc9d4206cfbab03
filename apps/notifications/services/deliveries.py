"""Sending: a delivery is leased in one transaction, sent outside of any, and recorded in another.

A process that dies between sending and recording leaves its lease to run out; the message is then sent again
under the same identity. Nothing else repeats a message, and nothing loses one.
"""

import time
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import transaction
from django.db.models import Q, QuerySet

from apps.common.errors import ConflictError, InvalidInputError
from apps.incidents import services as incidents
from apps.notifications import channels, messages
from apps.notifications.channels import ChannelError
from apps.notifications.lease_tokens import token_for, tokens_of
from apps.notifications.models import Delivery, DeliveryAttempt, Route
from apps.notifications.notices import recipients_of, rule_of
from apps.notifications.queue import heads
from apps.notifications.retries import ATTEMPTS, next_try
from apps.notifications.services.outbox import recipient_key
from apps.notifications.services.rules import clean_address
from apps.notifications.types import Envelope, Receipt, TestOutcome
from apps.workspaces.models import Workspace

logger = structlog.get_logger(__name__)

# Longer than any channel may take, so that only a dead or frozen worker's lease runs out.
LEASE = timedelta(minutes=3)
LANES = 8
# A message that has become due does not wait for one that hangs.
LOOK_AGAIN_S = 0.5
RESULT_LENGTH = 500
LOST = "The sender stopped before the result was known."


@dataclass(frozen=True, slots=True)
class _Outcome:
    ok: bool
    result: str
    http_status: int | None = None


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


def send_test(*, workspace: Workspace, kind: Route.Kind, now: datetime, to: str | None = None) -> Sequence[TestOutcome]:
    """Send a test message at once, one try for each recipient, and say what really came of it.

    E-mail goes to `to`, else to the rule's recipients, enabled or not; a webhook to its URL. The tries are in the
    log. InvalidInputError when there is nobody to send to.
    """
    clock = _Clock(now)
    outcomes = []
    with ThreadPoolExecutor(LANES, thread_name_prefix="test") as lanes:
        planned = _plan_test(workspace=workspace, kind=kind, to=to, now=now)
        under_way = [(delivery, _send_off(lanes, delivery, clock=clock)) for delivery in planned]
        for delivery, future in under_way:
            outcome = _finish(delivery, future, clock=clock, final=True)
            outcomes.append(
                TestOutcome(
                    delivery_id=delivery.wire_id,
                    recipient=delivery.shown_recipient,
                    ok=outcome.ok,
                    result=outcome.result,
                    http_status=outcome.http_status,
                )
            )
    return outcomes


@transaction.atomic
def _claim(*, now: datetime, room: int, owner: str) -> list[Delivery]:
    """Lease up to `room` due deliveries. The try counts from here on: a message that kills is given up too."""
    claimed = []
    for delivery in _next_due(now)[:room]:
        if delivery.attempts >= ATTEMPTS:
            # Its last permitted try died with its worker.
            _settle(delivery, _Outcome(ok=False, result=LOST), at=now)
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
    rows = Delivery.objects.filter(free, pk__in=heads(), status=Delivery.Status.PLANNED, next_at__lte=now)
    due: QuerySet[Delivery] = rows.select_for_update(skip_locked=True).order_by("next_at", "pk")
    return due


def _finish(delivery: Delivery, future: Future[Receipt], *, clock: _Clock, final: bool) -> _Outcome:
    """Wait for a delivery's result and record it; an unforeseen error is recorded, then raised."""
    try:
        receipt = future.result()
        outcome = _Outcome(ok=True, result=receipt.result, http_status=receipt.http_status)
    except ChannelError as error:
        outcome = _Outcome(ok=False, result=error.reason, http_status=error.http_status)
    except Exception:
        logger.exception("delivery broke", delivery=delivery.wire_id, kind=delivery.kind)
        _record(delivery, _Outcome(ok=False, result="Internal error."), at=clock.now(), final=final)
        raise
    _record(delivery, outcome, at=clock.now(), final=final)
    return outcome


def _envelope(delivery: Delivery, *, at: datetime) -> Envelope:
    # Read anew: a webhook's secret may have been replaced since the message was planned.
    route = delivery.route if delivery.kind == Route.Kind.WEBHOOK else None
    secret = route.secret if route is not None else None
    if delivery.kind == Route.Kind.WEBHOOK and route is None and delivery.event_id is None:
        # A message that never had a rule (services.queued): nobody agreed on a secret to sign it with.
        secret = ""
    return Envelope(
        id=delivery.wire_id,
        event_name=delivery.event_name,
        recipient=delivery.recipient,
        payload=delivery.payload,
        secret=secret,
        at=at,
    )


@transaction.atomic
def _record(delivery: Delivery, outcome: _Outcome, *, at: datetime, final: bool) -> None:
    """Write the result, unless the lease was lost meanwhile: then another worker's result counts."""
    rows = Delivery.objects.of(delivery.workspace_id).select_for_update()
    current = rows.filter(pk=delivery.pk, lease_token=delivery.lease_token).first()
    if current is None:
        logger.warning("delivery lease lost", delivery=delivery.wire_id)
        return
    _note_try(current, outcome, at=at)
    again = None if final or outcome.ok else next_try(attempts=current.attempts, now=at)
    if again is None:
        _settle(current, outcome, at=at)
    else:
        _postpone(current, outcome, until=again)


def _note_try(delivery: Delivery, outcome: _Outcome, *, at: datetime) -> None:
    DeliveryAttempt.objects.create(
        workspace_id=delivery.workspace_id,
        delivery=delivery,
        at=at,
        ok=outcome.ok,
        result=outcome.result[:RESULT_LENGTH],
        http_status=outcome.http_status,
    )


def _settle(delivery: Delivery, outcome: _Outcome, *, at: datetime) -> None:
    """Sent or given up: the delivery's end, told in the incident's timeline."""
    delivery.status = Delivery.Status.SENT if outcome.ok else Delivery.Status.FAILED
    delivery.sent_at = at if outcome.ok else None
    delivery.next_at = None
    _save_result(delivery, outcome)
    if delivery.incident is not None:
        incidents.record_notice(
            incident=delivery.incident,
            recipient=delivery.shown_recipient,
            channel=delivery.kind,
            result="delivered" if outcome.ok else outcome.result,
            delivery=delivery.wire_id,
            at=at,
        )


def _postpone(delivery: Delivery, outcome: _Outcome, *, until: datetime) -> None:
    delivery.next_at = until
    _save_result(delivery, outcome)


def _save_result(delivery: Delivery, outcome: _Outcome) -> None:
    delivery.result = outcome.result[:RESULT_LENGTH]
    delivery.http_status = outcome.http_status
    delivery.lease_token = None
    delivery.lease_until = None
    delivery.save(update_fields=["status", "sent_at", "next_at", "result", "http_status", "lease_token", "lease_until"])


@transaction.atomic
def _plan_test(*, workspace: Workspace, kind: Route.Kind, to: str | None, now: datetime) -> list[Delivery]:
    """Leased from birth, so that no worker takes it away; it waits for nothing that is queued."""
    route = Route.objects.of(workspace).filter(kind=kind).first()
    planned = []
    for recipient in _test_recipients(workspace, route, kind=kind, to=to):
        delivery = Delivery(
            workspace=workspace,
            route=route,
            kind=kind,
            event_name="test",
            recipient=recipient,
            recipient_key=recipient_key(kind, recipient),
            created_at=now,
            next_at=now,
            attempts=1,
            lease_token=uuid.uuid4(),
            lease_until=now + LEASE,
        )
        delivery.dedupe_key = recipient_key("test", delivery.wire_id)
        words = messages.mail_for_test if kind == Route.Kind.EMAIL else messages.body_for_test
        delivery.payload = words(workspace=workspace, delivery_id=delivery.wire_id, at=now)
        delivery.save()
        planned.append(delivery)
    return planned


def _test_recipients(workspace: Workspace, route: Route | None, *, kind: Route.Kind, to: str | None) -> Iterable[str]:
    if kind == Route.Kind.WEBHOOK:
        if route is None or not route.url:
            raise InvalidInputError("No webhook is set.")
        return [route.url]
    if to:
        return [clean_address(to)]
    addresses = recipients_of(rule_of(route), workspace)
    if not addresses:
        raise InvalidInputError("There is no address to send to.")
    return addresses
