"""Doors for the background. Whatever is due is found in the database, so a lost or doubled message costs nothing."""

from typing import Any

from celery import shared_task
from django.utils import timezone


@shared_task(queue="metrics", ignore_result=True, acks_late=True, expires=60, soft_time_limit=240, time_limit=300)
def seal_results(*, limit: int = 500, **_: Any) -> None:
    """Move results that are due from the inbox into blocks."""
    from apps.metrics.services import seal_due

    seal_due(now=timezone.now(), limit=limit)


@shared_task(queue="metrics", ignore_result=True, acks_late=True, expires=60, soft_time_limit=240, time_limit=300)
def rebuild_rollups(*, limit: int = 200, **_: Any) -> None:
    """Compute windows whose finer rows changed."""
    from apps.metrics.services import rebuild_dirty

    rebuild_dirty(now=timezone.now(), limit=limit)


@shared_task(queue="metrics", ignore_result=True, acks_late=True, expires=3600, soft_time_limit=840, time_limit=900)
def expire_results(*, limit: int = 20_000, **_: Any) -> None:
    """Delete what has had its time, and old heartbeat signals."""
    from apps.metrics.services import expire, prune_pings

    expire(now=timezone.now(), limit=limit)
    prune_pings()
