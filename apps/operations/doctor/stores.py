"""The database, Redis, and who works with them."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from django.db import DatabaseError, connection
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from apps.common.clock import from_epoch_ms
from apps.operations import processes
from apps.operations.database import is_behind
from apps.operations.doctor.findings import Finding, fine, problem, warning
from apps.operations.models import ProcessReport
from apps.operations.processes import SILENT
from apps.operations.storage import database_version

SMALL_SKEW, LARGE_SKEW = timedelta(seconds=2), timedelta(seconds=30)
LATE_TICK = timedelta(seconds=60)
PATIENCE_S = 3


def look_at_database() -> list[Finding]:
    """Whether the database answers, is up to date, safe against a loss of power, and tells the same time."""
    try:
        if connection.vendor == "postgresql":
            _reach_postgres()
        found = [fine("database", f"{database_version()} answers.")]
        found.append(_migrations())
        found.append(_journal() if connection.vendor == "sqlite" else _skew())
    except DatabaseError as error:
        cure = "See DATABASE_URL, and that the server runs and lets this machine in."
        return [problem("database", f"The database does not answer: {_first_line(error)}", cure)]
    return found


def _reach_postgres() -> None:
    """Connect past the pool, which would wait, try again and forget the reason."""
    with connection.wrap_database_errors:
        connection.Database.connect(**connection.get_connection_params() | {"connect_timeout": PATIENCE_S}).close()  # type: ignore[attr-defined]  # set by each backend, unknown to the stubs


def answers(found: Sequence[Finding]) -> bool:
    """Whether what needs the database and its tables can be looked at."""
    return not any(one.level == "problem" and one.subject in {"database", "migrations"} for one in found)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]


def _migrations() -> Finding:
    if is_behind():
        return problem("migrations", "Tables are older than this release.", "Start the server, or: manage.py migrate")
    return fine("migrations", "All are applied.")


def _journal() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        mode = str(cursor.fetchone()[0])
    return look_at_journal(mode)


def look_at_journal(mode: str) -> Finding:
    """Whether readers and the writer get along."""
    if mode != "wal":
        cure = "Put the data folder on a local disk: network disks often cannot do it."
        return problem("journal", f"SQLite writes in mode {mode} instead of wal.", cure)
    return fine("journal", "SQLite writes ahead (wal).")


def _skew() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        # The clock itself is looked at here: the time of the whole examination is seconds old by now.
        return look_at_clocks(ours=timezone.now(), theirs=cursor.fetchone()[0])


def look_at_clocks(*, ours: datetime, theirs: datetime) -> Finding:
    """Whether this machine and the database agree on the time."""
    skew = abs(theirs - ours)
    said = f"This machine and the database differ by {skew.total_seconds():.1f} s."
    cure = "Keep both in step by NTP: leases, schedules and escalations compare their clocks."
    if skew > LARGE_SKEW:
        return problem("clock", said, cure)
    return warning("clock", said, cure) if skew > SMALL_SKEW else fine("clock", said)


def look_at_redis(url: str) -> list[Finding]:
    """Whether Redis answers, where it is set."""
    if not url:
        return [fine("redis", "Not set: the server does the background work itself.")]
    try:
        with Redis.from_url(url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S) as client:
            client.ping()
    except (RedisError, ValueError, OSError) as error:
        cure = "See REDIS_URL, and that Redis runs: without it workers hear of nothing."
        return [problem("redis", f"Redis does not answer: {_first_line(error)}", cure)]
    return [fine("redis", "Redis answers.")]


def look_at_background(now: datetime, *, with_workers: bool) -> list[Finding]:
    """Who runs, and whether the schedule moves."""
    rows = processes.reports()
    alive = [row for row in rows if row.kind != ProcessReport.Kind.ENDED and now - row.seen_at <= SILENT]
    if not alive:
        return [warning("background", "Nothing runs at the moment.", "Start it: make run (and workers and a beat).")]
    missing = _missing(alive) if with_workers else []
    return [*missing, _tick(processes.newest(rows), now)]


def _missing(alive: Sequence[ProcessReport]) -> list[Finding]:
    kinds = {row.kind for row in alive}
    workers = len({row.host for row in alive if row.kind == ProcessReport.Kind.WORKER})
    found = [fine("workers", f"Workers on {workers} {'machine' if workers == 1 else 'machines'}.")] if workers else []
    if ProcessReport.Kind.WORKER not in kinds:
        found.append(problem("workers", "No Celery worker has reported.", "Start one: make worker"))
    if ProcessReport.Kind.BEAT not in kinds:
        found.append(problem("beat", "No beat has reported: nothing tells workers to look.", "Start one: make beat"))
    return found


def _tick(marks: Mapping[str, int], now: datetime) -> Finding:
    at = marks.get("schedule")
    if at is None:
        return problem("background", "Checks have never been scheduled.", "See the log for the step schedule.")
    late = max(timedelta(), now - from_epoch_ms(at))
    said = f"Checks were last scheduled {late.total_seconds():.0f} s ago."
    if late > LATE_TICK:
        return problem("background", said, "See the log for the step schedule.")
    return fine("background", said)
