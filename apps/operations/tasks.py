"""Doors for Celery: each calls the function the embedded background calls, and is safe to run twice."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.operations.plans import lapse_ended_terms


@shared_task(queue="default", ignore_result=True, expires=60, time_limit=300)
def lapse_terms(**_: Any) -> None:
    """Put workspaces whose Premium term has ended on Free."""
    lapse_ended_terms(now=timezone.now())
