"""Doors for Celery; safe to run twice and at once."""

from typing import Any

from celery import shared_task
from django.utils import timezone

BATCH = 200


@shared_task(queue="notifications", ignore_result=True, acks_late=True, expires=60, time_limit=300)
def fan_out_events(**_: Any) -> None:
    """Plan deliveries for what has happened."""
    from apps.notifications.services import fan_out

    fan_out(now=timezone.now(), limit=BATCH)


@shared_task(queue="notifications", ignore_result=True, acks_late=True, expires=60, time_limit=300)
def take_steps(**_: Any) -> None:
    """Take the steps of escalations whose time has come."""
    from apps.notifications.services import advance_due

    advance_due(now=timezone.now(), limit=BATCH)


@shared_task(queue="notifications", ignore_result=True, acks_late=True, expires=60, time_limit=900)
def deliver(**_: Any) -> None:
    """Send what is due."""
    from apps.notifications.services import deliver_due

    deliver_due(now=timezone.now(), limit=BATCH)
