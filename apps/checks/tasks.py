"""Doors for Celery: each calls the function the embedded background calls, and is safe to run twice."""

import logging
import signal
import time
from datetime import timedelta
from typing import Any

from celery import shared_task
from django.db import Error, connection
from django.utils import timezone
from kombu.exceptions import OperationalError as BrokerError

from apps.checks import cycles, heartbeats, leases, requests, stations
from apps.checks.jobs import LOOK
from apps.checks.pump import Pump
from apps.checks.schedule import materialise
from apps.checks.selectors import schedule_lag
from apps.common import bus
from apps.pipeline.flapping import sweep_flapping
from apps.pipeline.lifecycle import forget_retired
from apps.pipeline.silence import NodeWatch
from apps.pipeline.windows import sweep_windows

log = logging.getLogger(__name__)
_nodes = NodeWatch()

# A pump that does not come back from a step for so long hangs: its process ends, and the next one takes over.
HUNG_S = 120
# With the beat or the broker away nobody ticks; then pumps that are running do.
NOBODY_TICKS = timedelta(seconds=5)


@shared_task(queue="checks", ignore_result=True, expires=5, time_limit=60)
def schedule_checks(**_: Any) -> None:
    """Hand out what became due since the last tick."""
    if materialise(now=timezone.now()).batches:
        bus.publish(bus.CHECKS)


@shared_task(queue="checks", ignore_result=True, expires=15)
def pump_checks(**_: Any) -> None:
    """Probe what is due until the worker leaves; one pump per core of a machine, further nudges return at once.

    There is no time limit: a pump that ended by the clock would drop its slowest targets or let everybody wait for
    them. One that hangs is ended by an alarm.
    """
    with stations.manned() as owner:
        if owner is None:
            return
        try:
            _pump(owner)
        finally:
            signal.alarm(0)
    _call_successor()


def _call_successor() -> None:
    """Have another worker man the station now instead of at the next nudge of the beat."""
    try:
        pump_checks.apply_async(retry=False)
    except (BrokerError, OSError):
        log.warning("pump: the broker does not answer, the beat will find a successor")


def _pump(owner: str) -> None:
    from apps.checks.engine.engine import Engine

    # Left over from a process that was killed: the station is ours, so nobody else has this name.
    leases.give_back(owner=owner)
    requests.give_back(owner=owner)
    cycles.search_rarely()
    pump = Pump(Engine(), owner=owner)
    stand_in = _StandIn()
    try:
        while not stations.is_leaving():
            signal.alarm(HUNG_S)
            stand_in.look()
            pump.step(LOOK.total_seconds())
    finally:
        pump.close()


class _StandIn:
    """Ticks in place of those who should, as long as they do not."""

    def __init__(self) -> None:
        self._look_at = 0.0

    def look(self) -> None:
        if time.monotonic() < self._look_at:
            return
        self._look_at = time.monotonic() + LOOK.total_seconds()
        try:
            if schedule_lag(timezone.now()) > NOBODY_TICKS:
                materialise(now=timezone.now())
        except Error:
            log.exception("pump: could not tick")
            connection.close_if_unusable_or_obsolete()


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
