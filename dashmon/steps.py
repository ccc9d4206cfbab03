"""What the embedded background does over and over: one function a step. True means that there is more to do at once.

Celery's beat calls the same services through the tasks of each app (`dashmon/celery.py`).
"""

from django.utils import timezone

from apps.checks import heartbeats, requests
from apps.checks.schedule import materialise
from apps.common import bus
from apps.metrics import services as metrics
from apps.notifications import services as notifications
from apps.operations.erasure import erase_due
from apps.operations.plans import lapse_ended_terms
from apps.operations.processes import expire_reports
from apps.operations.retention import prune_stories
from apps.operations.storage import measure_storage
from apps.pipeline import windows
from apps.pipeline.flapping import sweep_flapping
from apps.pipeline.lifecycle import forget_retired
from apps.pipeline.silence import NodeWatch
from apps.reports import services as reports
from apps.statuspages import services as statuspages
from apps.traffic import services as traffic

LIMIT = 200
REPORTS = 20
# What upkeep is made of, as Celery's beat names it.
UPKEEP = ("expire", "requests", "stories", "retired", "questions", "processes", "measure")


def schedule() -> bool:
    if materialise(now=timezone.now()).batches:
        bus.publish(bus.CHECKS)
    return False


def sweep_heartbeats() -> bool:
    return heartbeats.sweep(now=timezone.now(), limit=LIMIT) >= LIMIT


def sweep_windows() -> bool:
    return windows.sweep_windows(now=timezone.now(), limit=LIMIT) >= LIMIT


_nodes = NodeWatch()


def watch_nodes() -> bool:
    _nodes.look(now=timezone.now())
    return False


def settle_flapping() -> bool:
    return sweep_flapping(now=timezone.now(), limit=LIMIT) >= LIMIT


def fan_out() -> bool:
    planned = notifications.fan_out(now=timezone.now(), limit=LIMIT)
    if planned:
        bus.publish(bus.NOTIFICATIONS)
    return planned >= LIMIT


def take_steps() -> bool:
    taken = notifications.advance_due(now=timezone.now(), limit=LIMIT)
    if taken:
        bus.publish(bus.NOTIFICATIONS)
    return taken >= LIMIT


def tell_subscribers() -> bool:
    return statuspages.tell_subscribers(now=timezone.now(), limit=LIMIT) >= LIMIT


class Delivering:
    """Sends what is due; first of all what a killed process of the same name had under way."""

    def __init__(self, owner: str) -> None:
        self._owner, self._looked_back = owner, False

    def __call__(self) -> bool:
        if not self._looked_back:
            notifications.give_back(owner=self._owner)
            self._looked_back = True
        return notifications.deliver_due(now=timezone.now(), limit=LIMIT, owner=self._owner) >= LIMIT


def send_reports() -> bool:
    return reports.send_due(now=timezone.now(), limit=REPORTS) >= REPORTS


def keep_metrics() -> bool:
    metrics.seal_due(now=timezone.now(), limit=LIMIT)
    metrics.rebuild_dirty(now=timezone.now(), limit=LIMIT)
    return False


def keep_traffic() -> bool:
    traffic.rewrite_late(limit=LIMIT)
    # While one runs it goes on at once.
    return traffic.run_rebuilds(now=timezone.now()) > 0


def keep_cycles() -> bool:
    traffic.record_ended(now=timezone.now())
    return False


def lapse_terms() -> bool:
    return lapse_ended_terms(now=timezone.now(), limit=LIMIT) >= LIMIT


def erase_closed() -> bool:
    return erase_due(now=timezone.now())


def upkeep() -> bool:
    metrics.expire(now=timezone.now())
    metrics.prune_pings()
    requests.prune(now=timezone.now())
    prune_stories(now=timezone.now())
    forget_retired(now=timezone.now())
    statuspages.prune_questions(now=timezone.now(), limit=LIMIT)
    expire_reports(now=timezone.now())
    measure_storage(now=timezone.now())
    return False
