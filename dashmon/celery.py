"""Scale-out: the same functions as the embedded background, called by Celery workers on any number of machines.

Messages are nudges: what is due is read from the database, so one that is lost costs a tick, and one that comes
twice finds nothing to do. `celery -A dashmon.celery worker` takes every queue, `... beat` gives the rhythm.
"""

import os
from typing import Any

from celery import Celery
from celery.signals import celeryd_init, worker_shutting_down
from django.conf import settings
from kombu import Queue

from dashmon import lives

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")

QUEUES = ("default", "checks", "metrics", "notifications")
# Processes beside the pumps, of which there is at most one per core (apps.checks.tasks).
BESIDE_PUMPS = 3

app = Celery("dashmon")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.task_queues = [Queue(name) for name in QUEUES]
app.conf.worker_concurrency = (os.cpu_count() or 1) + BESIDE_PUMPS
# A pump runs for a minute: nothing may wait behind it in the same process.
app.conf.worker_prefetch_multiplier = 1
app.conf.beat_schedule_filename = str(settings.DATA_DIR / "beat-schedule")
app.conf.beat_schedule = {
    "schedule": {"task": "apps.checks.tasks.schedule_checks", "schedule": 0.5},
    "pump": {"task": "apps.checks.tasks.pump_checks", "schedule": 2.0},
    "heartbeats": {"task": "apps.checks.tasks.sweep_silent_heartbeats", "schedule": 1.0},
    "nodes": {"task": "apps.checks.tasks.sweep_silent_nodes", "schedule": 5.0},
    "retired": {"task": "apps.checks.tasks.forget_retired_nodes", "schedule": 300.0},
    "windows": {"task": "apps.checks.tasks.sweep_ended_windows", "schedule": 5.0},
    "flapping": {"task": "apps.checks.tasks.settle_flapping", "schedule": 5.0},
    "terms": {"task": "apps.operations.tasks.lapse_terms", "schedule": 60.0},
    "erase": {"task": "apps.operations.tasks.erase_workspaces", "schedule": 60.0},
    "stories": {"task": "apps.operations.tasks.prune_old_stories", "schedule": 600.0},
    "requests": {"task": "apps.checks.tasks.prune_requests", "schedule": 600.0},
    "fan-out": {"task": "apps.notifications.tasks.fan_out_events", "schedule": 1.0},
    "escalate": {"task": "apps.notifications.tasks.take_steps", "schedule": 1.0},
    "deliver": {"task": "apps.notifications.tasks.deliver", "schedule": 1.0},
    "reports": {"task": "apps.reports.tasks.send_reports", "schedule": 30.0},
    "subscribers": {"task": "apps.statuspages.tasks.tell", "schedule": 2.0},
    "questions": {"task": "apps.statuspages.tasks.prune", "schedule": 600.0},
    "seal": {"task": "apps.metrics.tasks.seal_results", "schedule": 15.0},
    "rebuild": {"task": "apps.metrics.tasks.rebuild_rollups", "schedule": 15.0},
    "traffic": {"task": "apps.traffic.tasks.keep_facts", "schedule": 5.0},
    "cycles": {"task": "apps.traffic.tasks.keep_cycles", "schedule": 3600.0},
    "expire": {"task": "apps.metrics.tasks.expire_results", "schedule": 600.0},
    "processes": {"task": "apps.operations.tasks.expire_process_reports", "schedule": 60.0},
    "measure": {"task": "apps.operations.tasks.measure_tables", "schedule": 600.0},
}
app.autodiscover_tasks()
lives.attach({entry["task"]: name for name, entry in app.conf.beat_schedule.items()})


@worker_shutting_down.connect
def stop_pumps(**_: Any) -> None:
    """Have the pumps of this worker give their leases back at once."""
    from apps.checks import stations

    stations.leave()


@celeryd_init.connect
def keep_one_connection(**_: Any) -> None:
    """One connection to the database for each process of the pool.

    A pool of connections serves the threads of a web process. Here it would make every statement wait for its
    time-out while the database is away, and probes that are under way with it.
    """
    from django.db import connections

    database = connections.settings["default"]
    database["OPTIONS"].pop("pool", None)
    database["CONN_MAX_AGE"] = None
