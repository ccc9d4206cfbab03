"""Workspaces that are older than a rule get it: the built-in ones, and the four that a fresh one begins with.

Batched and safe to run again; nothing is taken back, since people may have changed the rows by then.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.db import migrations, transaction

BATCH = 200
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
EVERYWHERE = {"default_on": True, "numbers": []}
NOWHERE = {"default_on": False, "numbers": []}
AT_ONCE = {"kind": "now"}
A_MINUTE = {"kind": "streak", "seconds": 60}


def condition(
    metric: str,
    op: str,
    missing: str,
    *,
    bound: float = 0,
    offset: float = 0,
    window: Any = AT_ONCE,
    cover: Any = EVERYWHERE,
    **more: str,
) -> list[dict[str, Any]]:
    plain: dict[str, Any] = {"metric": metric, "op": op, "bound": bound, "offset": offset, "missing": missing}
    return [plain | more | {"window": window, "cover": cover}]


def high(metric: str, **numbers: Any) -> list[dict[str, Any]]:
    return condition(metric, "ge", "clear", window=A_MINUTE, cover=NOWHERE, **numbers)


# number, key, name, subject kind, severity, conditions, cooldown, stale, enabled
BUILT_IN: tuple[Any, ...] = (
    (-1, "node_offline", "Node offline", "node", "critical",
     condition("node.silence_s", "gt", "clear", plus="stale_after_s"), 0, "hold", True),
    (-2, "raid_failed", "RAID failed", "node", "critical",
     condition("raid.failed", "ge", "clear", bound=1), 1800, "close", True),
    (-3, "smart_failed", "Disk fails SMART", "node", "critical",
     condition("smart.failed", "ge", "clear", bound=1), 1800, "close", True),
    (-4, "smart_nvme_critical_warning", "NVMe critical warning", "node", "critical",
     condition("smart.critical", "ge", "clear", bound=1), 1800, "close", True),
    (-5, "device_state", "Device state", "device", "critical", [], 0, "hold", True),
    (-6, "device_latency", "Device latency", "device", "warning",
     condition("latency_us", "gt", "hold", plus="latency_limit_us"), 0, "hold", True),
    (-7, "certificate", "Certificate runs out", "device", "warning",
     condition("cert.days", "lt", "hold", bound=7), 0, "hold", False),
    (-8, "node_address_changed", "Node address changed", "node", "info", [], 0, "hold", True),
    (-9, "container_changed", "Container changed", "container", "info",
     condition("state", "changed", "hold"), 0, "hold", True),
    (-10, "command_finished", "Command finished", "node", "info", [], 0, "hold", True),
    (-11, "hosting_term", "Term of a rented server ends", "instance", "info", [], 0, "hold", True),
)
FIRST = (
    ("cpu_usage_ratio_high", high("cpu.ratio", bound=0.9)),
    ("cpu_load1_high", high("cpu.load1", offset=1, plus="cores")),
    ("cpu_load5_high", high("cpu.load5", plus="cores")),
    ("mem_used_ratio_high", high("mem.ratio", bound=0.9)),
)


def built_in(model: Any, workspace_id: int) -> Iterator[Any]:
    for number, key, name, kind, severity, conditions, cooldown_s, stale, enabled in BUILT_IN:
        yield model(
            workspace_id=workspace_id, number=number, key=key, name=name, subject_kind=kind, severity=severity,
            conditions=conditions, cooldown_s=cooldown_s, stale=stale, enabled=enabled,
            created_at=EPOCH, updated_at=EPOCH, changed_at=EPOCH,
        )


def first(model: Any, workspace: Any) -> Iterator[Any]:
    for number, (name, conditions) in enumerate(FIRST, start=1):
        yield model(
            workspace=workspace, number=number, name=name, subject_kind="node", conditions=conditions, stale="close",
            created_at=workspace.created_at, updated_at=workspace.created_at, changed_at=workspace.created_at,
        )


def forwards(apps, _):
    rules, counters = apps.get_model("alerts", "AlertRule"), apps.get_model("workspaces", "Counter")
    workspaces, last = apps.get_model("workspaces", "Workspace"), 0
    while batch := list(workspaces.objects.filter(pk__gt=last).order_by("pk")[:BATCH]):
        last = batch[-1].pk
        with transaction.atomic():
            rules.objects.filter(workspace__in=batch, number=-5, generation=0).update(generation=1, severity="critical")
            rows = [row for workspace in batch for row in built_in(rules, workspace.pk)]
            rows += [row for workspace in batch for row in first(rules, workspace)]
            rules.objects.bulk_create(rows, ignore_conflicts=True, batch_size=500)
            counted = [counters(workspace=workspace, kind="alert_rule", last=len(FIRST)) for workspace in batch]
            counters.objects.bulk_create(counted, ignore_conflicts=True)


class Migration(migrations.Migration):
    # Each batch is a transaction of its own.
    atomic = False

    dependencies = [
        ("alerts", "0002_rule_engine"),
        ("workspaces", "0001_initial"),
    ]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
