"""Maintenance windows of sources, as the time accounting reads them: an overlay, never a stored sample."""

from collections.abc import Collection, Sequence

from apps.common.clock import epoch_ms, from_epoch_ms
from apps.devices.models import Device
from apps.metrics.models import Source
from apps.metrics.uptime import Span, merged_windows
from apps.projects.windows import windows_between


def subject_id(source: Source) -> int:
    """The primary key in a source's reference: 17 of `17` and of `17@3`."""
    return int(source.ref.partition("@")[0])


def windows_of(
    *, workspace_id: int, sources: Collection[Source], start_ms: int, end_ms: int
) -> dict[int, Sequence[Span]]:
    """Merged windows touching [start, end] by source, the project's and the device's own; three statements."""
    devices = {source.pk: subject_id(source) for source in sources if source.kind == Source.Kind.DEVICE}
    projects = dict(
        Device.objects.of(workspace_id).filter(pk__in=set(devices.values())).values_list("pk", "project_id")
    )
    found = windows_between(
        workspace_id=workspace_id,
        kind="device",
        subjects=projects,
        start=from_epoch_ms(start_ms),
        end=from_epoch_ms(end_ms),
    )
    return {
        source_id: merged_windows(
            (epoch_ms(window.starts_at), None if window.ends_at is None else epoch_ms(window.ends_at))
            for window in found.get(device_id, [])
        )
        for source_id, device_id in devices.items()
    }
