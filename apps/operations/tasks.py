"""Doors for Celery: each calls the function the embedded background calls, and is safe to run twice."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.operations.erasure import erase_due
from apps.operations.plans import lapse_ended_terms
from apps.operations.processes import expire_reports
from apps.operations.retention import prune_stories
from apps.operations.storage import measure_storage


@shared_task(queue="default", ignore_result=True, expires=60, time_limit=300)
def lapse_terms(**_: Any) -> None:
    """Put workspaces whose Premium term has ended on Free."""
    lapse_ended_terms(now=timezone.now())


@shared_task(queue="default", ignore_result=True, expires=600, time_limit=600)
def prune_old_stories(**_: Any) -> None:
    """Delete incidents and deliveries that are older than their workspace keeps them."""
    prune_stories(now=timezone.now())


@shared_task(queue="default", ignore_result=True, expires=60, time_limit=300)
def erase_workspaces(**_: Any) -> None:
    """Delete what is left of closed workspaces whose grace is over, for some seconds."""
    erase_due(now=timezone.now())


@shared_task(queue="default", ignore_result=True, expires=60, time_limit=60)
def expire_process_reports(**_: Any) -> None:
    """Add up what processes that are no more have counted."""
    expire_reports(now=timezone.now())


@shared_task(queue="default", ignore_result=True, expires=300, time_limit=600)
def measure_tables(**_: Any) -> None:
    """Measure the tables when the newest measurement is some hours old."""
    measure_storage(now=timezone.now())
