"""What people ask of the checks: now, all of them now, or one that is not saved yet."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import F

from apps.checks.models import CheckRequest
from apps.common import bus
from apps.common.errors import RateLimitedError, UnsupportedError
from apps.devices.models import Device
from apps.devices.targets import NOT_PROBED
from apps.workspaces.models import Workspace

REFRESH_COOLDOWN = timedelta(seconds=60)


@transaction.atomic
def request_check(*, device: Device, now: datetime, delay: timedelta = timedelta(0)) -> CheckRequest:
    """Check a device with its stored configuration, whatever its schedule says (contract Dashmon 6).

    It leaves exactly one row in the history, dated with the start of the run. A request that still waits for its
    `delay` (a new device's first check) is pulled forward instead of adding a second one, and one that is under way
    is left without effect: it may still run the configuration of before. UnsupportedError for kinds that nobody
    probes (heartbeat, agent).
    """
    if device.kind in NOT_PROBED:
        raise UnsupportedError("This type of monitor is not checked by us; it reports by itself.")
    due = now + delay
    asked = CheckRequest.objects.of(device.workspace_id).filter(
        device=device, reason=CheckRequest.Reason.ASKED, done_at__isnull=True
    )
    waiting = asked.filter(lease_until__isnull=True, due_at__gt=now)
    request: CheckRequest | None = waiting.select_for_update().order_by("due_at").first()
    if request is None:
        # Only first checks are created before they are due. Without its row, the result finds no lease.
        asked.filter(created_at__lt=F("due_at")).delete()
        request = CheckRequest(
            workspace_id=device.workspace_id, device=device, reason=CheckRequest.Reason.ASKED, created_at=now
        )
    elif request.due_at <= due:
        return request
    request.created_at, request.due_at = now, due
    request.save()
    _wake()
    return request


@transaction.atomic
def request_draft(*, workspace: Workspace, config: Mapping[str, Any], now: datetime) -> CheckRequest:
    """Check a monitor that is not saved. The answer appears in the request's `result`, and nowhere else."""
    request: CheckRequest = CheckRequest.objects.create(
        workspace=workspace,
        reason=CheckRequest.Reason.DRAFT,
        draft=dict(config),
        due_at=now,
        created_at=now,
    )
    _wake()
    return request


@transaction.atomic
def refresh_all(*, workspace: Workspace, now: datetime) -> int:
    """Check every device of a workspace that is not paused; answers how many.

    RateLimitedError within 60 s of the last time (contract Dashmon 6: refresh-all).
    """
    row = Workspace.objects.select_for_update().get(pk=workspace.pk)
    if row.refreshed_at is not None and now < row.refreshed_at + REFRESH_COOLDOWN:
        left = (row.refreshed_at + REFRESH_COOLDOWN - now).total_seconds()
        raise RateLimitedError(
            "Refresh is limited to once per minute for Premium users.", retry_after_s=math.ceil(left)
        )
    row.refreshed_at = now
    row.save(update_fields=["refreshed_at"])
    devices = Device.objects.of(workspace).filter(enabled=True).values_list("pk", flat=True)
    requests = [
        CheckRequest(workspace=workspace, device_id=pk, reason=CheckRequest.Reason.ASKED, due_at=now, created_at=now)
        for pk in devices
    ]
    CheckRequest.objects.bulk_create(requests, batch_size=500)
    _wake()
    return len(requests)


def _wake() -> None:
    # The pump also looks by itself every second, so a nudge that gets lost costs no more than that.
    transaction.on_commit(lambda: bus.publish(bus.CHECKS))
