"""What is stored of a device's results, row by row, read from the inbox without the product's readers."""

import json
from dataclasses import dataclass
from typing import Any

from apps.devices.models import Device
from apps.metrics.columns import DETAIL, INTERVAL, LATENCY, MISSED, RUN, STATE
from apps.metrics.models import HeadRow, Source

NAMES = {0: "unknown", 1: "up", 2: "warning", 3: "down"}


@dataclass(frozen=True)
class Row:
    ts: int
    state: str
    missed: int
    interval_ms: int
    detail: dict[str, Any]
    latency_us: int | None = None
    run_ms: int | None = None


def rows_of(device: Device) -> list[Row]:
    source = Source.objects.of(device.workspace_id).filter(kind=Source.Kind.DEVICE, ref=str(device.pk)).first()
    if source is None:
        return []
    heads = HeadRow.objects.of(device.workspace_id).filter(source_id=source.pk).order_by("ts")
    return [_row(head) for head in heads]


def _row(head: HeadRow) -> Row:
    cells = {int(key): value for key, value in json.loads(bytes(head.payload)).items()}
    return Row(
        head.ts,
        NAMES[cells[STATE]],
        cells.get(MISSED, 0),
        cells[INTERVAL],
        json.loads(cells.get(DETAIL, "{}")),
        cells.get(LATENCY),
        cells.get(RUN),
    )


def slots_told(device: Device) -> list[int]:
    """Every slot that history speaks of: those that ran, and those that are recorded as never run."""
    told = []
    for row in rows_of(device):
        told += [row.ts + index * row.interval_ms for index in range(row.missed)] if row.missed else [row.ts]
    return told
