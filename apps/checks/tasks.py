"""Doors for Celery: each calls the function the embedded background calls, and is safe to run twice."""

import os
import socket
import uuid
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.core.cache import cache
from django.utils import timezone

from apps.checks import heartbeats, requests
from apps.checks.pump import Pump
from apps.checks.schedule import materialise
from apps.common import bus
from apps.pipeline.flapping import sweep_flapping
from apps.pipeline.lifecycle import forget_retired
from apps.pipeline.silence import NodeWatch
from apps.pipeline.windows import sweep_windows

PUMP_TIME = timedelta(seconds=50)
DRAIN_TIME = timedelta(seconds=20)
PUMP_LIMIT_S = 90
_nodes = NodeWatch()


def stop_topic() -> str:
    """What the pumps of this machine listen to for the end of their worker."""
    return f"stop-pumps:{socket.gethostname()}"


@shared_task(queue="checks", ignore_result=True, expires=5, time_limit=60)
def schedule_checks(**_: Any) -> None:
    """Hand out what became due since the last tick."""
    if materialise(now=timezone.now()).batches:
        bus.publish(bus.CHECKS)


@shared_task(queue="checks", ignore_result=True, expires=15, time_limit=PUMP_LIMIT_S)
def pump_checks(**_: Any) -> None:
    """Probe what is due for about a minute; one pump per core of a machine, further nudges return at once."""
    from apps.checks.engine.engine import Engine

    place = _free_place()
    if place is None:
        return
    try:
        pump = Pump(Engine(), owner=f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4()}")
        unsubscribe = bus.subscribe(stop_topic(), pump.stop)
        try:
            pump.run(timezone.now() + PUMP_TIME)
            pump.drain(timezone.now() + DRAIN_TIME)
        finally:
            unsubscribe()
            pump.close()
    finally:
        cache.delete(place)


def _free_place() -> str | None:
    """A place among this machine's pumps, so that they never take every process of a worker."""
    for number in range(os.cpu_count() or 1):
        place = f"pump:{socket.gethostname()}:{number}"
        if cache.add(place, os.getpid(), timeout=PUMP_LIMIT_S):
            return place
    return None


@shared_task(queue="checks", ignore_result=True, expires=5, time_limit=60)
def sweep_silent_heartbeats(**_: Any) -> None:
    """Let time pass for heartbeats."""
    heartbeats.sweep(now=timezone.now())


@shared_task(queue="checks", ignore_result=True, expires=10, time_limit=120)
def sweep_silent_nodes(**_: Any) -> None:
    """Let rules look at nodes that have stopped reporting; nothing opens in the first minute after a start."""
    _nodes.look(now=timezone.now())


@shared_task(queue="checks", ignore_result=True, expires=300, time_limit=300)
def forget_retired_nodes(**_: Any) -> None:
    """Delete what is kept of nodes that were deleted a while ago."""
    forget_retired(now=timezone.now())


@shared_task(queue="checks", ignore_result=True, expires=30, time_limit=120)
def sweep_ended_windows(**_: Any) -> None:
    """Open the incidents of devices that are still in trouble when their maintenance ends."""
    sweep_windows(now=timezone.now())


@shared_task(queue="checks", ignore_result=True, expires=30, time_limit=120)
def settle_flapping(**_: Any) -> None:
    """Tell how things stand with devices that have stopped flapping."""
    sweep_flapping(now=timezone.now())


@shared_task(queue="checks", ignore_result=True, expires=300, time_limit=120)
def prune_requests(**_: Any) -> None:
    """Drop answers of checks that nobody fetches any more."""
    requests.prune(now=timezone.now())
