"""A probe engine in virtual time: it starts nothing, it only knows how long each plan would take."""

import heapq
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from apps.checks.types import CheckResult
from apps.common.clock import epoch_ms
from apps.devices.models import Device

GRAIN = timedelta(milliseconds=1)


class Clock:
    """The time of a test; it moves when the engine waits."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def to(self, instant: datetime) -> None:
        self.now = max(self.now, instant)


@dataclass(frozen=True)
class Doing:
    """How a target behaves: how long it takes and what it answers. `status` may depend on the instant."""

    took_ms: int = 20
    status: str | Callable[[datetime], str] = "up"


class VirtualEngine:
    """Honours the places and the waiting of the real engine, with a clock instead of sockets."""

    def __init__(self, clock: Clock, *, slots: int = 256) -> None:
        self.clock, self.slots = clock, slots
        self.flying: list[tuple[datetime, int, Hashable, Doing, datetime]] = []
        self.started: list[tuple[datetime, Hashable]] = []
        self.on_wait: Callable[[datetime], None] = lambda now: None
        self.woken = self.closed = False
        self.peak = 0

    @property
    def free(self) -> int:
        return self.slots - len(self.flying)

    def start(self, plan: Doing, ticket: Hashable) -> None:
        assert self.free > 0, "the pump started more than there are places"
        end = self.clock.now + timedelta(milliseconds=plan.took_ms)
        heapq.heappush(self.flying, (end, len(self.started), ticket, plan, self.clock.now))
        self.started.append((self.clock.now, ticket))
        self.peak = max(self.peak, len(self.flying))

    def wait(self, timeout_s: float) -> list[tuple[Hashable, CheckResult]]:
        end = self.clock.now + timedelta(seconds=timeout_s)
        if not self.woken:
            self.clock.to(min(end, max(self.flying[0][0], self.clock.now)) if self.flying else end)
        self.woken = False
        self.on_wait(self.clock.now)
        done = []
        while self.flying and self.flying[0][0] <= self.clock.now:
            _, _, ticket, plan, began = heapq.heappop(self.flying)
            done.append((ticket, answer(plan, began)))
        return done

    def wake(self) -> None:
        self.woken = True

    def close(self) -> None:
        self.closed = True
        self.flying.clear()


def answer(plan: Doing, began: datetime) -> CheckResult:
    status = plan.status if isinstance(plan.status, str) else plan.status(began)
    if status == "up":
        return CheckResult("up", began, latency_us=plan.took_ms * 1000, status_code=200)
    return CheckResult(status, began, message="Connection refused", detail={"error": "connect", "reason": "refused"})


class Targets:
    """Plans by device: what each target does; the rest answers at once."""

    def __init__(self, doing: Mapping[int, Doing] | None = None, default: Doing = Doing()) -> None:
        self.doing, self.default = dict(doing or {}), default

    def of_device(self, device: Device) -> Any:
        return self.doing.get(device.pk, self.default)

    def of_draft(self, config: Mapping[str, Any]) -> Any:
        return Doing(status=config.get("status", "up"))


def slots_between(device: Device, start: datetime, end: datetime) -> list[int]:
    """The arithmetic truth: every slot of a device in [start, end), in epoch milliseconds."""
    interval = device.interval_s * 1000
    first = (epoch_ms(start) - device.phase_ms + interval - 1) // interval * interval + device.phase_ms
    return list(range(first, epoch_ms(end), interval))
