"""Doors for the background. Whatever is due is found in the database, so a lost or doubled message costs nothing."""

from typing import Any

from celery import shared_task
from django.utils import timezone


@shared_task(queue="metrics", ignore_result=True, acks_late=True, expires=60, soft_time_limit=240, time_limit=300)
def keep_facts(**_: Any) -> None:
    """Reckon what late samples changed, and carry on with rebuilds."""
    from apps.traffic.services import rewrite_late, run_rebuilds

    rewrite_late()
    run_rebuilds(now=timezone.now())


@shared_task(queue="metrics", ignore_result=True, acks_late=True, expires=3600, soft_time_limit=840, time_limit=900)
def keep_cycles(**_: Any) -> None:
    """Write down cycles that have ended."""
    from apps.traffic.services import record_ended

    record_ended(now=timezone.now())
