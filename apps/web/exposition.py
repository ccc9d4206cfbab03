"""The installation as Prometheus reads it (text format 0.0.4); docs/operations.md says what each name means."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from apps.common.clock import epoch_ms
from apps.operations.backlog import Queue
from apps.web.installation import Installation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
WAITING = "ingest_waiting"
Labels = tuple[str, ...]
Sample = tuple[Labels, float | None]


def exposition(seen: Installation) -> bytes:
    """The whole answer."""
    registry = CollectorRegistry()
    registry.register(_Seen(seen))
    return generate_latest(registry)


class _Seen(Collector):
    def __init__(self, seen: Installation) -> None:
        self._seen = seen

    def collect(self) -> Iterable[Metric]:
        for part in (_about, _checks, _ingest, _queues, _steps, _processes, _storage):
            yield from part(self._seen)


def _gauge(name: str, text: str, samples: Iterable[Sample], labels: Labels = ()) -> Metric:
    family = GaugeMetricFamily(f"dashmon_{name}", text, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, value)
    return family


def _counter(name: str, text: str, samples: Iterable[Sample], labels: Labels = ()) -> Metric:
    family = CounterMetricFamily(f"dashmon_{name}", text, labels=labels)
    for values, value in samples:
        if value is not None:
            family.add_metric(values, value)
    return family


def _one(value: float | None) -> list[Sample]:
    return [((), value)]


def _each(values: Mapping[str, float]) -> list[Sample]:
    return [((name,), value) for name, value in values.items()]


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _about(seen: Installation) -> Iterator[Metric]:
    yield _gauge(
        "info",
        "Version of the product and of its database.",
        [((seen.version, seen.database), 1)],
        ("version", "database"),
    )
    yield _gauge("workspaces", "Workspaces of the installation.", _one(seen.workspaces))
    yield _gauge("database_size_bytes", "The database on disk, its log included.", _one(seen.database_size))


def _checks(seen: Installation) -> Iterator[Metric]:
    schedule = seen.schedule
    yield _gauge(
        "check_lag_seconds",
        "How long the oldest unfinished check has been due.",
        _one(schedule.check_lag.total_seconds()),
    )
    yield _gauge("schedule_lag_seconds", "How far the slowest shard is behind.", _one(schedule.lag_ms / 1000))
    yield _gauge("checks_due_per_second", "Checks that the enabled monitors need.", _one(schedule.due_per_second))
    yield _gauge("check_batches_retaken", "Batches that were taken more than once.", _one(schedule.retaken))
    yield _gauge("engine_slots", "Checks that can be under way at once.", _one(seen.slots))
    yield _gauge("engine_slots_used", "Checks that are under way.", _one(seen.slots_used))
    due = seen.counters.get("checks_due", 0)
    yield _counter("checks_due", "Slots of monitors that came due.", _one(due))
    executed = _each(seen.labelled("checks_executed"))
    yield _counter("checks_executed", "Checks with a result, retries and tests included.", executed, ("state",))
    missed = _each(seen.labelled("checks_not_measured"))
    yield _counter("checks_not_measured", "Slots recorded as not measured.", missed, ("reason",))


def _ingest(seen: Installation) -> Iterator[Metric]:
    accepted, refused = _each(seen.labelled("ingest_accepted")), _each(seen.labelled("ingest_refused"))
    yield _counter("ingest_accepted", "What agents sent and was committed.", accepted, ("kind",))
    yield _counter("ingest_refused", "What agents sent and was not taken.", refused, ("reason",))
    counted = seen.counters
    yield _counter("ingest_commits", "Transactions with what agents sent.", _one(counted.get("ingest_commits", 0)))
    spent = counted.get("ingest_commit_seconds", 0)
    yield _counter("ingest_commit_seconds", "Time spent in these transactions.", _one(spent))
    # Of processes that are gone nothing waits any more.
    waiting = sum(row.counters.get(WAITING, 0) for row in seen.running)
    yield _gauge("ingest_waiting", "Reports that wait for their transaction.", _one(waiting))


def _queues(seen: Installation) -> Iterator[Metric]:
    queues = seen.queues
    label = ("queue",)

    def each(value: str) -> list[Sample]:
        return [((queue.name,), getattr(queue, value)) for queue in queues]

    yield _gauge("queue_depth", "Work that waits; large queues are counted up to 10000.", each("waiting"), label)
    lags = [((queue.name,), _lag(queue)) for queue in queues]
    yield _gauge("queue_lag_seconds", "How long the oldest work in the queue could have been done.", lags, label)
    held: list[Sample] = [((queue.name, "held"), queue.held) for queue in queues if _leases(queue)]
    held += [((queue.name, "expired"), queue.expired) for queue in queues if _leases(queue)]
    yield _gauge("leases", "Work under a lease; expired: its holder is gone.", held, ("queue", "state"))


def _lag(queue: Queue) -> float | None:
    if queue.name in {"requests", "rollups", "planned"}:
        # Their oldest says nothing: a mail may be planned for tomorrow.
        return None
    return _seconds(queue.lag) or 0.0


def _leases(queue: Queue) -> bool:
    return queue.name in {"checks", "requests", "deliveries", "erasures"}


def _steps(seen: Installation) -> Iterator[Metric]:
    label = ("step",)
    ages: list[Sample] = [((step,), age.total_seconds()) for step, age in seen.step_ages.items()]
    yield _gauge("step_age_seconds", "Time since the last good run of a step of the background.", ages, label)
    for name, text in (
        ("step_runs", "Good runs of a step of the background."),
        ("step_failures", "Runs of a step that raised."),
        ("step_seconds", "Time spent in good runs of a step."),
    ):
        yield _counter(name, text, _each(seen.labelled(name)), label)


def _processes(seen: Installation) -> Iterator[Metric]:
    label = ("kind", "host", "pid")
    rows = [((row.kind, row.host, str(row.pid)), row) for row in seen.running]
    yield _gauge("process_resident_memory_bytes", "Memory.", [(key, row.rss_bytes) for key, row in rows], label)
    yield _counter("process_cpu_seconds", "CPU time since the start.", [(key, row.cpu_s) for key, row in rows], label)
    uptimes = [(key, (seen.at - row.started_at).total_seconds()) for key, row in rows]
    yield _gauge("process_uptime_seconds", "Time since the start.", uptimes, label)
    ages = [(key, max(0.0, (seen.at - row.seen_at).total_seconds())) for key, row in rows]
    yield _gauge("process_report_age_seconds", "Time since the process last reported.", ages, label)


def _storage(seen: Installation) -> Iterator[Metric]:
    measured = seen.storage.measured_at
    age = None if measured is None else (epoch_ms(seen.at) - epoch_ms(measured)) / 1000
    yield _gauge("storage_measured_age_seconds", "Age of the figures on tables.", _one(age))
    tables = [size for size in seen.storage.sizes if size.tier is None]
    tiers = [size for size in seen.storage.sizes if size.tier is not None]
    rows, sizes = "Rows, as last measured.", "On disk with indexes, as last measured."
    yield _gauge("storage_rows", rows, [((one.table,), one.rows) for one in tables], ("table",))
    yield _gauge("storage_bytes", sizes, [((one.table,), one.size) for one in tables], ("table",))
    yield _gauge("storage_tier_blocks", rows, [((str(one.tier),), one.rows) for one in tiers], ("tier",))
    yield _gauge("storage_tier_bytes", sizes, [((str(one.tier),), one.size) for one in tiers], ("tier",))
