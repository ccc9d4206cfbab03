"""A month of results of many monitors in the metrics store, and what it costs to read of them.

Run by `tests.perf.cores.measure`; prints one JSON document.
"""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from tests.perf.cores import arguments
from tests.perf.database import fresh_database
from tests.perf.reading import analyze, timings

WORKSPACE, MINUTE_MS, DAYS, SEEDS = 1, 60_000, 30, 5
DAY = timedelta(days=1)


def run(few: int, many: int) -> dict[str, Any]:
    """Bytes a result with `many` monitors, and milliseconds of every read with both numbers of them."""
    with fresh_database():
        # The end of a day, so that every day is whole; what is read last is sealed like everything else.
        now = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        for device in range(1, SEEDS + 1):
            _fill(device, now=now)
        settle(now)
        _copy(SEEDS, few)
        analyze()
        of_few = timings(_reads(few, now))
        _copy(few, many)
        analyze()
        return {
            "bytes": disk() / (many * DAYS * 1440),
            "few_ms": of_few,
            "many_ms": timings(_reads(many, now)),
            "of_many": ["newest", "day_bars"],
        }


def _fill(device: int, *, now: datetime) -> None:
    """A check a minute with the noise of a real site: 60 to 200 ms, a bad quarter of an hour now and then."""
    from django.db import transaction

    from apps.metrics import services as metrics

    noise = random.Random(device)
    end = epoch_ms(now)
    instants = range(end - DAYS * 1440 * MINUTE_MS + device * 997, end, MINUTE_MS)
    for start in range(0, len(instants), 500):
        rows = [_observation(device, at, noise) for at in instants[start : start + 500]]
        with transaction.atomic():
            metrics.append(rows=rows, now=now)


def _observation(device: int, at: int, noise: random.Random) -> Observation:
    down = at // MINUTE_MS % 5000 < 15
    phases = {
        "dns_us": int(noise.lognormvariate(7.3, 0.25)),
        "connect_us": int(noise.lognormvariate(9.4, 0.05)),
        "tls_us": int(noise.lognormvariate(10.1, 0.05)),
        "ttfb_us": int(noise.lognormvariate(10.8, 0.15)),
    }
    total = sum(phases.values()) + int(noise.lognormvariate(5.5, 0.4))
    values = {
        **phases,
        "total_us": total,
        "latency_us": total,
        "http.status": 200,
        "cert.days": 60 - at // 86_400_000 % 60,
    }
    if down:
        values = {"total_us": total, "http.status": 503}
    common = {"state": 3 if down else 1, "interval_ms": MINUTE_MS, "run_ms": total // 1000 + noise.choice((1, 1, 1, 2))}
    return Observation(
        workspace_id=WORKSPACE,
        source=SourceRef(Ref("device", device)),
        at=from_epoch_ms(at),
        values={**values, **common},
        detail={"reason": "assertion", "error": "assertion", "attempt_ms": total // 1000} if down else {},
    )


def settle(now: datetime) -> None:
    """Seal and roll up all there is."""
    from apps.metrics import services as metrics
    from apps.metrics.models import Source

    later = now + timedelta(hours=2)
    Source.objects.update(due_ms=0)
    while metrics.seal_due(now=later, limit=200).sources:
        pass
    while metrics.rebuild_dirty(now=later, limit=500).written:
        pass


def _copy(known: int, wanted: int) -> None:
    """Further monitors with the same history: reads and disk depend on how much there is, not on what it says."""
    from apps.metrics.models import Block, DayTotals, LatestRow, Source

    sources = list(Source.objects.order_by("pk")[:known])
    for device in range(known + 1, wanted + 1):
        pattern = sources[device % known]
        source = Source.objects.get(pk=pattern.pk)
        source.pk, source.ref = None, SourceRef(Ref("device", device)).key
        source.save(force_insert=True)
        for model in (Block, DayTotals, LatestRow):
            rows = list(model.objects.filter(source_id=pattern.pk))
            for row in rows:
                row.pk, row.source_id = None, source.pk
            model.objects.bulk_create(rows, batch_size=500)


def disk() -> int:
    """Bytes of the store on disk, indexes included."""
    from apps.metrics.selectors import storage_sizes

    sizes = {size.table: size.disk_bytes or 0 for size in storage_sizes()}
    # The inbox is empty by now; what its pages took is reused by the next results.
    return sum(size for table, size in sizes.items() if table not in {"ts_head", "heartbeat_ping", "ts_dirty"})


def _reads(count: int, now: datetime) -> dict[str, Callable[[], Any]]:
    from apps.metrics import selectors

    one: dict[str, Any] = {"workspace_id": WORKSPACE, "ref": Ref("device", 3)}
    everybody = [Ref("device", number) for number in range(1, min(count, 50) + 1)]

    def since(days: int) -> dict[str, Any]:
        return {**one, "start": now - days * DAY, "end": now}

    def results(days: int, newest: int | None) -> Any:
        window = {"start_ms": epoch_ms(now - days * DAY), "end_ms": epoch_ms(now)}
        return selectors.results(**one, **window, newest=newest)

    return {
        "results_100": lambda: results(1, 100),
        "results_10000": lambda: results(30, None),
        "chart_1d": lambda: selectors.chart(**since(1)),
        "chart_7d": lambda: selectors.chart(**since(7)),
        "chart_30d": lambda: selectors.chart(**since(30)),
        "percentiles_1d": lambda: selectors.latency_percentiles(**since(1)),
        "percentiles_30d": lambda: selectors.latency_percentiles(**since(30)),
        "totals_30d": lambda: selectors.window_totals(**since(30)),
        "newest": lambda: selectors.newest(workspace_id=WORKSPACE, refs=everybody),
        "day_bars": lambda: selectors.day_bars(workspace_id=WORKSPACE, refs=everybody, days=90, now=now),
    }


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(run(**arguments())))
