"""The write lock: a workspace over its plan limits reads on, and writes nothing until it fits again."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from apps.common.clock import iso_ms
from apps.common.errors import WriteLockedError
from apps.workspaces.models import Workspace
from apps.workspaces.plans import Excess, excesses
from apps.workspaces.usage import limits_in_force, usage_of


@dataclass(frozen=True, slots=True)
class WriteLock:
    """Whether writes wait, and which limits are exceeded (contract Dashmon sections 2 and 4)."""

    over: tuple[Excess, ...]
    since: datetime | None

    @property
    def locked(self) -> bool:
        return bool(self.over)

    def as_wire(self) -> dict[str, Any]:
        """As /api/me and permission-foundation spell it."""
        return {
            "locked": self.locked,
            "reason": "over_plan_limits" if self.locked else None,
            "over": [{"limit": item.limit, "max": item.max, "used": item.used} for item in self.over],
            "since": iso_ms(self.since) if self.since is not None else None,
        }


def write_lock(workspace: Workspace, *, now: datetime) -> WriteLock:
    """The lock as it stands; remembers when it began, forgets that the moment usage fits."""
    limits = limits_in_force(workspace, now=now)
    counted = any(limits[name] is not None for name in ("projects", "devicesPerProject", "members", "statusPages"))
    # Where nothing is limited nothing has to be counted.
    over = tuple(excesses(usage_of(workspace), limits)) if counted else ()
    since = (workspace.locked_since or now) if over else None
    if since != workspace.locked_since:
        Workspace.objects.filter(pk=workspace.pk).update(locked_since=since)
        workspace.locked_since = since
    return WriteLock(over, since)


def ensure_writable(workspace: Workspace, *, now: datetime) -> None:
    """Raise WriteLockedError while the workspace is over its limits."""
    lock = write_lock(workspace, now=now)
    if lock.locked:
        raise WriteLockedError(
            "This workspace is over the limits of its plan. Remove something or upgrade to write again.",
            details={"over": lock.as_wire()["over"]},
        )
