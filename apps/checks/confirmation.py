"""The retry lane: a failure that is not confirmed yet is checked again before its next slot."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from apps.checks.models import CheckRequest
from apps.checks.plans import Monitor
from apps.common.among import Among
from apps.devices.models import Device
from apps.pipeline.types import Submitted


def follow_up(*, submitted: Submitted, devices: Mapping[int, Device | Monitor], now: datetime) -> None:
    """Ask for a re-check of what is being confirmed and take back those that are settled.

    Part of the transaction that stored the results, so a crash loses neither. One re-check per device is open at a
    time (constraint check_request_one_retry).
    """
    open_retries = CheckRequest.objects.filter(reason=CheckRequest.Reason.RETRY, done_at__isnull=True)
    if submitted.settled:
        open_retries.filter(Among("device_id", submitted.settled)).delete()
    wanted = [devices[device_id] for device_id in sorted(submitted.confirming) if device_id in devices]
    requests = [_retry(device, now=now) for device in wanted if device.enabled]
    if requests:
        CheckRequest.objects.bulk_create(requests, ignore_conflicts=True)


def _retry(device: Device | Monitor, *, now: datetime) -> CheckRequest:
    return CheckRequest(
        workspace_id=device.workspace_id,
        device_id=device.pk,
        reason=CheckRequest.Reason.RETRY,
        due_at=now + timedelta(seconds=device.retry_interval_s),
        created_at=now,
    )
