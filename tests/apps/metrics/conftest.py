"""A workspace with devices, and rows as the pipeline hands them over."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apps.common.clock import from_epoch_ms
from apps.common.values import Observation, Ref, SourceRef
from apps.devices.models import Device
from apps.metrics import services
from apps.metrics.models import Block, DayTotals, DirtyWindow
from apps.projects.models import Project
from apps.workspaces.models import Workspace

NOW = datetime(2026, 5, 4, 10, 0, tzinfo=UTC)

MakeDevice = Callable[..., Device]


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def workspace(db: None) -> Workspace:
    return Workspace.objects.create(slug="acme", name="Acme", created_at=NOW)


@pytest.fixture
def stranger(db: None) -> Workspace:
    return Workspace.objects.create(slug="other", name="Other", created_at=NOW)


@pytest.fixture
def make_device(db: None) -> MakeDevice:
    numbers = iter(range(1, 10_000))

    def make(workspace: Workspace) -> Device:
        project, _ = Project.objects.get_or_create(
            workspace=workspace, key="web", defaults={"name": "Web", "created_at": NOW, "updated_at": NOW}
        )
        return Device.objects.create(
            workspace=workspace,
            project=project,
            number=next(numbers),
            name="www",
            kind=Device.Kind.HTTP,
            label="http",
            phase_ms=0,
            shard=0,
            created_at=NOW,
            updated_at=NOW,
        )

    return make


@pytest.fixture
def device(workspace: Workspace, make_device: MakeDevice) -> Device:
    return make_device(workspace)


def observation(
    device: Device, ts: int | datetime, *, detail: dict[str, Any] | None = None, **values: float | None
) -> Observation:
    """A result of a device; `http_status` stands for `http.status`."""
    return Observation(
        workspace_id=device.workspace_id,
        source=SourceRef(Ref("device", device.pk)),
        at=from_epoch_ms(ts) if isinstance(ts, int) else ts,
        values={name.replace("_status", ".status"): value for name, value in values.items()},
        detail=detail or {},
    )


def append_all(rows: Iterable[Observation], now: datetime) -> None:
    """Every row, in batches of 500 and in the order given."""
    batch = list(rows)
    for first in range(0, len(batch), 500):
        services.append(rows=batch[first : first + 500], now=now)


def settle(now: datetime) -> datetime:
    """Seal and compute all there is, hours later; the instant at which everything was at rest."""
    later = now + timedelta(hours=30)
    for _ in range(50):
        sealed = services.seal_due(now=later, limit=1000)
        rebuilt = services.rebuild_dirty(now=later, limit=1000)
        if not sealed.rows and not rebuilt.written and not rebuilt.dropped:
            return later
    raise AssertionError("the store does not come to rest")


def stored_bytes() -> dict[str, list[tuple[Any, ...]]]:
    """Every byte of every tier, without the numbers the database gave."""
    blocks = Block.objects.order_by("workspace_id", "source_id", "tier", "t0")
    days = DayTotals.objects.order_by("workspace_id", "source_id", "day")
    fields = [field.attname for field in DayTotals._meta.fields if field.attname not in {"id", "source_id"}]
    return {
        "blocks": [(row.tier, row.t0, row.n, bytes(row.payload)) for row in blocks],
        "days": [
            tuple(
                bytes(value) if isinstance(value := getattr(row, name), bytes | memoryview) else value
                for name in fields
            )
            for row in days
        ],
        "dirty": [(row.tier, row.t0) for row in DirtyWindow.objects.order_by("tier", "t0")],
    }


def rounded(value: float, decimals: int) -> float:
    """A value as history keeps it."""
    return round(value, decimals) + 0.0 if isinstance(value, float) else value
