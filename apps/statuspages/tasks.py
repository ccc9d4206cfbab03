"""Doors for Celery; safe to run twice and at once."""

from typing import Any

from celery import shared_task
from django.utils import timezone

BATCH = 200


@shared_task(queue="notifications", ignore_result=True, acks_late=True, expires=60, time_limit=300)
def tell(**_: Any) -> None:
    """Queue messages to subscribers about posts that wait to be told."""
    from apps.statuspages.services import tell_subscribers

    tell_subscribers(now=timezone.now(), limit=BATCH)


@shared_task(queue="default", ignore_result=True, acks_late=True, expires=600, time_limit=300)
def prune(**_: Any) -> None:
    """Forget addresses that never said yes."""
    from apps.statuspages.services import prune_questions

    prune_questions(now=timezone.now(), limit=BATCH)
