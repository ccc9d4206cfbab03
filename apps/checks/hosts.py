"""Many monitors on one host: they wait in a line of their own, so they neither flood the host nor hold up others.

An engine lets four checks at a time through to one address. Here a host gets a bounded share of an engine's places,
whatever it does with them; the rest waits outside. A line that stays long makes its monitors a crowd: from then on
their slots come in batches of their own, and one pump at a time works on those (`apps.checks.leases.take`), so the
bound holds across all workers.
"""

import zlib
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from apps.checks.jobs import Host, Job, OpenBatch
from apps.checks.requests import LeasedRequest
from apps.common.egress import ForbiddenTargetError, parse_url
from apps.devices.models import CROWDS, SHARDS, Device

PLACES = 64  # of an engine, for checks of one host
CROWD = 50  # checks in line for one host
ELSEWHERE = {Device.Kind.DNS, Device.Kind.DOMAIN}  # kinds that ask somebody else about their host


@dataclass(frozen=True, slots=True)
class Crowd:
    """Monitors of one workspace on one host that are not known as a crowd yet."""

    workspace_id: int
    number: int
    device_ids: tuple[int, ...]


class HostLines:
    """Who may start, by host."""

    def __init__(self) -> None:
        self._under_way: dict[Host, int] = {}
        self._lines: dict[Host, deque[Job]] = {}

    def admit(self, job: Job) -> bool:
        """Count the check in, or put it at the end of its host's line."""
        host = job.host = host_of(job)
        if host is None:
            return True
        under_way = self._under_way.get(host, 0)
        if under_way >= PLACES:
            self._lines.setdefault(host, deque()).append(job)
            return False
        self._under_way[host] = under_way + 1
        return True

    def release(self, job: Job) -> Job | None:
        """Count a finished check out; the next in line, which is to be admitted anew."""
        host = job.host
        if host is None:
            return None
        if under_way := self._under_way[host] - 1:
            self._under_way[host] = under_way
        else:
            del self._under_way[host]
        line = self._lines.get(host)
        if not line:
            return None
        following = line.popleft()
        if not line:
            del self._lines[host]
        return following

    def take_late(self, now_ms: int) -> list[Job]:
        """Take out of all lines what is not worth running any more."""
        late = [job for line in self._lines.values() for job in line if job.is_late(now_ms)]
        if late:
            self._keep(lambda job: not job.is_late(now_ms))
        return late

    def forget(self, batch: OpenBatch) -> None:
        """Take out what belongs to a batch that is not ours any more."""
        self._keep(lambda job: not job.belongs_to(batch))

    def crowds(self) -> Iterator[Crowd]:
        """Lines that are long, with those of their monitors that still come with everybody else's."""
        for (workspace_id, name), line in self._lines.items():
            if len(line) < CROWD:
                continue
            found = {device.pk for job in line if (device := job.device) is not None and device.shard < SHARDS}
            if found:
                yield Crowd(workspace_id, crowd_number(workspace_id, name), tuple(sorted(found)))

    def _keep(self, wanted: Callable[[Job], bool]) -> None:
        kept = {host: deque(job for job in line if wanted(job)) for host, line in self._lines.items()}
        self._lines = {host: line for host, line in kept.items() if line}


def crowd_number(workspace_id: int, host: str) -> int:
    """Between 1 and the number of crowds; two crowds that share one only share a pump."""
    return 1 + zlib.crc32(f"{workspace_id}:{host}".encode()) % CROWDS


def host_of(job: Job) -> Host | None:
    """Whom a routine check will talk to; None for a request, which does not wait in line."""
    if isinstance(job.work, LeasedRequest):
        return None
    device = job.work[1].device
    if device.kind in ELSEWHERE:
        return None
    name = _name_in(device.url) if device.url else device.host.lower()
    return (device.workspace_id, name) if name else None


@lru_cache(maxsize=65_536)
def _name_in(url: str) -> str:
    try:
        return parse_url(url).host.name
    except ForbiddenTargetError:
        return ""
