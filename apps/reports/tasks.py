"""Doors for Celery; safe to run twice and at once."""

from typing import Any

from celery import shared_task
from django.utils import timezone

BATCH = 20


@shared_task(queue="default", ignore_result=True, acks_late=True, expires=60, time_limit=900)
def send_reports(**_: Any) -> None:
    """Put the messages of due reports into the outbox."""
    from apps.reports.services import send_due

    send_due(now=timezone.now(), limit=BATCH)
