"""What a pump has in hand: checks between being taken and being filed, and batches with what became of them."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from apps.checks.leases import Leased, Member, Ran, Slot
from apps.checks.plans import Monitor
from apps.checks.requests import LeasedRequest
from apps.devices.models import Device

LOOK = timedelta(seconds=1)
Host = tuple[int, str]  # workspace, name or address
PART = timedelta(seconds=2)  # how long a finished check may wait for the rest of its batch


@dataclass(slots=True)
class OpenBatch:
    """A batch in our hands: what still runs, what is finished and not stored yet."""

    lease: Leased
    until: datetime
    stored_at: datetime
    waiting: dict[Slot, Member]
    finished: list[Ran] = field(default_factory=list)
    failures: int = 0

    def is_ripe(self, now: datetime) -> bool:
        """Whether what is finished is to be stored now; after a failure the pauses grow."""
        since = now - self.stored_at
        if self.failures:
            return since >= LOOK * (1 << self.failures)
        return not self.waiting or (len(self.finished) > 0 and since >= PART)


@dataclass(slots=True)
class Job:
    """One check of a batch, or a request; `work` says whose result it is."""

    work: tuple[int, Member] | LeasedRequest
    plan: Any = None
    host: Host | None = None  # whose line it stands in, once it was admitted or is to wait
    started_ms: int = 0
    doubtful: bool = False  # this process was frozen or blocked while it ran
    again: bool = False  # it runs for the second time because of that

    @property
    def device(self) -> Device | Monitor | None:
        return self.work.row.device if isinstance(self.work, LeasedRequest) else self.work[1].device

    def belongs_to(self, batch: OpenBatch) -> bool:
        return not isinstance(self.work, LeasedRequest) and self.work[0] == batch.lease.id

    def is_late(self, now_ms: int) -> bool:
        """Whether the device's next slot has begun, so that this one is not worth running any more."""
        if isinstance(self.work, LeasedRequest):
            return False
        member = self.work[1]
        return member.slot_ms + member.device.interval_s * 1000 <= now_ms
