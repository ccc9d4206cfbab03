"""A week of reports of many nodes in the metrics store, and what it costs to read of them.

Run by `tests.perf.cores.measure`; prints one JSON document. A few nodes are written whole, the way reports come in: a
report every ten seconds for a week and a day, sealed and rolled up. The weeks before, of which only roll-ups are
left, repeat that one; further nodes are copies, with as much of their raw reports as reads reach.
"""

import json
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.common.values import Observation, SourceRef
from tests.perf.cores import arguments
from tests.perf.database import fresh_database
from tests.perf.machine import SERIES, Machine
from tests.perf.reading import analyze, timings
from tests.perf.store import disk, settle

# The end of the week. Everything is read late on the next day, of which there are no roll-ups yet, with the last
# minutes still in the inbox: the most that is ever read from raw reports.
MIDNIGHT = datetime(2026, 3, 31, tzinfo=UTC)
SEALED, NOW = MIDNIGHT + timedelta(hours=23), MIDNIGHT + timedelta(hours=23, minutes=40)
SEEDS, DAYS, STEP_S, BATCH = 4, 7, 10, 500
WEEK = timedelta(days=7)
# How many weeks back there are roll-ups, and facts of traffic.
WEEKS_OF_BUCKETS, WEEKS_OF_FACTS = 5, 9
DETAIL = {"uptime": "41d 6h", "mem_total": 33_603_391_488, "swap_total": 4_294_967_296, "came": ["disks", "network"]}
SECTIONS: dict[str, dict[str, Any]] = {
    "static": {"cpu": {"model": "EPYC 7443P", "cores": 4}, "system": {"os": "linux", "platform": "debian"}},
    "network": {"interfaces": ["eth0", "eth1"]},
    "disks": {
        "usage": [{"key": "/", "name": "sda1", "mountpoint": "/"}, {"key": "/boot", "name": "sda2"}],
        "io": [{"key": "sda", "name": "sda"}, {"key": "sdb", "name": "sdb"}],
    },
}


def run(few: int, many: int) -> dict[str, Any]:
    """Bytes a sample of the week, and milliseconds of every read with both numbers of nodes."""
    with fresh_database():
        workspace = _workspace()
        nodes = _enrolled(workspace, SEEDS)
        samples = _write(nodes)
        kept = (disk() + _ledger_bytes()) / samples
        _write_today(nodes)
        _repeat_earlier()
        _copy(workspace, few)
        analyze()
        of_few = timings(_reads(workspace))
        _copy(workspace, many)
        analyze()
        return {
            "bytes": kept,
            "few_ms": of_few,
            "many_ms": timings(_reads(workspace)),
            "of_many": ["fleet", "fleet_changed"],
        }


def _workspace() -> Any:
    """A workspace that bills traffic, which reckons more than one that does not."""
    from apps.traffic.services import change_settings
    from tests.factories import make_workspace

    workspace = make_workspace(now=MIDNIGHT - 10 * WEEK)
    change_settings(workspace=workspace, fields={"usage": "billing", "direction": "max"})
    return workspace


def _enrolled(workspace: Any, wanted: int) -> list[Any]:
    """Further nodes up to so many, with their documents, in the default group; those that are new."""
    from apps.nodes.models import Node, NodeGroup, NodeSection
    from apps.nodes.services.groups import ensure_default_group

    known, made = Node.objects.of(workspace).count(), MIDNIGHT - 10 * WEEK
    rows = [
        Node(
            workspace=workspace,
            number=number,
            rank=number,
            name=f"machine {number}",
            hostname=f"machine-{number}",
            report_interval_s=STEP_S,
            p95=True,
            created_at=made,
            first_report_at=made,
        )
        for number in range(known + 1, wanted + 1)
    ]
    nodes = Node.objects.bulk_create(rows)
    NodeSection.objects.bulk_create(
        NodeSection(workspace=workspace, node=node, section=name, digest=f"{name:0<32}", document=document, at=made)
        for node in nodes
        for name, document in SECTIONS.items()
    )
    group = ensure_default_group(workspace=workspace)
    links = NodeGroup.nodes.through
    links.objects.bulk_create(links(nodegroup_id=group.pk, node_id=node.pk) for node in nodes)
    return nodes


_MACHINES: dict[int, tuple[Machine, random.Random]] = {}


def _write(nodes: Sequence[Any]) -> int:
    """The week, day by day as the background would have it; how many samples that were."""
    samples = 0
    for day in range(DAYS):
        start = MIDNIGHT - WEEK + timedelta(days=day)
        samples += sum(_report(node, start, start + timedelta(days=1)) for node in nodes)
        _seal(start + timedelta(days=1))
    settle(MIDNIGHT)
    return samples * SERIES


def _write_today(nodes: Sequence[Any]) -> None:
    for node in nodes:
        _report(node, MIDNIGHT, SEALED)
    _seal(SEALED)
    for node in nodes:
        _report(node, SEALED, NOW)


def _seal(now: datetime) -> None:
    from apps.metrics import services as metrics
    from apps.metrics.models import Source

    Source.objects.update(due_ms=0)
    metrics.seal_due(now=now)


def _report(node: Any, start: datetime, end: datetime) -> int:
    """Reports of one node; how many. A few come a second early or late, each a little off by its way here."""
    from django.db import transaction

    from apps.metrics import services as metrics

    machine, noise = _MACHINES.setdefault(node.pk, (Machine(node.pk), random.Random(node.pk)))
    instants = range(epoch_ms(start), epoch_ms(end), STEP_S * 1000)
    for first in range(0, len(instants), BATCH):
        rows = []
        for at in instants[first : first + BATCH]:
            values = machine.report(at / 1000, STEP_S)
            late = noise.choice((-1000, 1000)) * (noise.random() < 0.02)
            seen = from_epoch_ms(at + 2000 + late + int(noise.expovariate(0.3)))
            detail = {**DETAIL, "observed_s": at // 1000}
            row = Observation(
                node.workspace_id, SourceRef(node.ref), seen, {**values, "interval_ms": STEP_S * 1000}, None, detail
            )
            rows.append(row)
        with transaction.atomic():
            metrics.append(rows=rows, now=end)
    return len(instants)


def _ledger_bytes() -> int:
    """What traffic keeps beside its facts, which are blocks of the store."""
    from apps.metrics.sizes import _disk_bytes
    from apps.traffic.models import Interface

    return _disk_bytes(Interface._meta.db_table) or 0


def _repeat_earlier() -> None:
    """The weeks before: the same buckets and facts again, hours and days rolled up from them."""
    from apps.metrics import services as metrics
    from apps.metrics.dirty import mark_windows
    from apps.metrics.models import Source
    from apps.metrics.tiers import FACTS, FIVE_MINUTES, HOURS, window_of
    from apps.traffic.models import Interface

    for source in Source.objects.all():
        starts = _repeat(source, FIVE_MINUTES, WEEKS_OF_BUCKETS)
        _repeat(source, FACTS, WEEKS_OF_FACTS)
        windows = {window_of(t0, HOURS) for t0 in starts}
        mark_windows(workspace_id=source.workspace_id, source_id=source.pk, tier=HOURS, starts=windows)
    oldest = epoch_ms(MIDNIGHT - WEEKS_OF_FACTS * WEEK)
    Source.objects.update(first_ms=oldest)
    Interface.objects.update(first_ms=oldest)
    while metrics.rebuild_dirty(now=NOW, limit=500).written:
        pass


def _repeat(source: Any, tier: int, weeks: int) -> list[int]:
    from apps.metrics.codec import Table, decode, encode
    from apps.metrics.models import Block
    from apps.metrics.report_buckets import relations_of
    from apps.metrics.tiers import FIVE_MINUTES

    made = []
    for block in Block.objects.filter(source_id=source.pk, tier=tier, t0__lt=epoch_ms(MIDNIGHT)):
        table = decode(block.payload)
        relations = relations_of(table) if tier == FIVE_MINUTES else None
        for week in range(1, weeks):
            back = week * WEEK // timedelta(milliseconds=1)
            payload = encode(Table([ts - back for ts in table.ts], table.columns), relations)
            names = {"workspace_id": block.workspace_id, "source_id": source.pk, "tier": tier}
            made.append(Block(**names, t0=block.t0 - back, n=block.n, payload=payload))
    Block.objects.bulk_create(made, batch_size=200)
    return [block.t0 for block in made]


def _copy(workspace: Any, wanted: int) -> None:
    """Nodes with the same history: reads and disk depend on how much there is, not on what it says."""
    from apps.metrics.models import Block, HeadRow, LatestRow, Source
    from apps.metrics.tiers import REPORTS
    from apps.traffic.models import Interface

    patterns = list(Source.objects.order_by("pk")[:SEEDS])
    reach = epoch_ms(MIDNIGHT - timedelta(days=2))
    raw = f"NOT (tier = {REPORTS} AND t0 < {reach})"
    for node in _enrolled(workspace, wanted):
        pattern = patterns[node.pk % SEEDS]
        source = Source.objects.get(pk=pattern.pk)
        source.pk, source.ref = None, SourceRef(node.ref).key
        source.save(force_insert=True)
        for model, where in ((Block, raw), (HeadRow, "1 = 1"), (LatestRow, "1 = 1"), (Interface, "1 = 1")):
            _copy_rows(model, pattern.pk, source.pk, where)


def _copy_rows(model: Any, pattern: int, source: int, where: str) -> None:
    from django.db import connection

    names = [field.column for field in model._meta.fields if not field.primary_key]
    chosen = ["%s" if name == "source_id" else f'"{name}"' for name in names]
    columns, table = ", ".join(f'"{name}"' for name in names), model._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({columns}) SELECT {', '.join(chosen)} FROM {table} WHERE source_id = %s AND {where}",
            [source, pattern],
        )


def _reads(workspace: Any) -> dict[str, Callable[[], Any]]:
    """What pages and surfaces ask; of one node, a copy, or of all there are."""
    from apps.nodes.models import Node
    from apps.nodes.selectors import listed, listed_nodes
    from apps.pipeline.pictures import mark_of, pictures

    node = Node.objects.of(workspace).get(number=SEEDS + 3)
    return {
        **_charts(node),
        **_traffic(workspace, node),
        "latest": lambda: pictures(workspace_id=workspace.pk, nodes=[listed(node)]),
        "fleet": lambda: pictures(workspace_id=workspace.pk, nodes=listed_nodes(workspace, public_only=False)),
        "fleet_changed": lambda: mark_of(workspace_id=workspace.pk, nodes=listed_nodes(workspace, public_only=False)),
    }


def _charts(node: Any) -> dict[str, Callable[[], Any]]:
    """One metric as Dash's charts step, every chart of a node's page at once, and whether it was online."""
    from apps.api.dash import charts
    from apps.metrics.selectors import report_chart
    from apps.web.presenters.node_charts import columns_of, wanted_charts

    drawn = columns_of(wanted_charts(SECTIONS))

    def history(name: str) -> Callable[[], Any]:
        return lambda: charts.history(charts.Asked("cpu.usage_ratio", "", name, "avg"), node, now=NOW)

    def page(length: timedelta) -> Callable[[], Any]:
        window = {"start": NOW - length, "end": NOW}
        return lambda: report_chart(
            workspace_id=node.workspace_id, ref=node.ref, columns=drawn, **window, extremes=False
        )

    lengths = {"1h": timedelta(hours=1), "24h": timedelta(days=1), "1w": WEEK, "30d": timedelta(days=30)}
    return {
        **{f"chart_{name}": history(name) for name in lengths},
        **{f"page_{name}": page(length) for name, length in lengths.items()},
        **{f"online_{name}": lambda name=name: charts.online(name, node, now=NOW) for name in ("24h", "7d")},  # type: ignore[misc]  # mypy knows no such lambda
    }


def _traffic(workspace: Any, node: Any) -> dict[str, Callable[[], Any]]:
    from apps.traffic import selectors
    from apps.traffic.choices import choice_of

    asked: dict[str, Any] = {
        "workspace": workspace,
        "ref": node.ref,
        "choice": choice_of(node),
        "iface": "eth0",
        "now": NOW,
    }
    return {
        "traffic_p95": lambda: selectors.summary(**asked),
        "traffic_days": lambda: selectors.daily(**asked),
        "traffic_months": lambda: selectors.monthly(**asked),
    }


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps(run(**arguments())))
