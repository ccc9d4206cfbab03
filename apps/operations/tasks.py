"""Doors for Celery: each calls the function the embedded background calls, and is safe to run twice."""

from typing import Any

from celery import shared_task
from django.utils import timezone

from apps.operations.plans import lapse_ended_terms
from apps.operations.retention import prune_stories


@shared_task(queue="default", ignore_result=True, expires=60, time_limit=300)
def lapse_terms(**_: Any) -> None:
    """Put workspaces whose Premium term has ended on Free."""
    lapse_ended_terms(now=timezone.now())


@shared_task(queue="default", ignore_result=True, expires=600, time_limit=600)
def prune_old_stories(**_: Any) -> None:
    """Delete incidents and deliveries that are older than their workspace keeps them."""
    prune_stories(now=timezone.now())
