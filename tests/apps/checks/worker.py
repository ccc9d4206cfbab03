"""A worker as a process of its own, to be killed and frozen: `python -m tests.apps.checks.worker NAME LEASE_S`.

Its probes are answered after a moment by a clock instead of a target, so that any number can run on one machine; the
schedule, the leases, the pump and everything behind them are the product's.
"""

import heapq
import os
import sys
import time
from collections.abc import Hashable
from datetime import UTC, datetime, timedelta
from typing import Any

import django


class Moments:
    """An engine whose checks all take 80 ms."""

    def __init__(self) -> None:
        self.flying: list[tuple[float, int, Hashable, datetime]] = []
        self.count = 0

    @property
    def free(self) -> int:
        return 256 - len(self.flying)

    def start(self, plan: Any, ticket: Hashable) -> None:
        self.count += 1
        heapq.heappush(self.flying, (time.monotonic() + 0.08, self.count, ticket, datetime.now(UTC)))

    def wait(self, timeout_s: float) -> list[tuple[Hashable, Any]]:
        from apps.checks.types import CheckResult

        until = time.monotonic() + timeout_s
        if self.flying:
            until = min(until, self.flying[0][0])
        time.sleep(max(0.0, until - time.monotonic()))
        done = []
        while self.flying and self.flying[0][0] <= time.monotonic():
            _, _, ticket, began = heapq.heappop(self.flying)
            done.append((ticket, CheckResult("up", began, latency_us=80_000)))
        return done

    def wake(self) -> None: ...

    def close(self) -> None:
        self.flying.clear()


class Anything:
    """Plans that the engine above does not read."""

    def of_device(self, device: Any) -> Any:
        return device.pk

    def of_draft(self, config: Any) -> Any:
        return config


def main(name: str, lease_s: float) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
    django.setup()

    from apps.checks import leases
    from apps.checks.pump import Pump
    from apps.checks.schedule import materialise

    leases.LEASE = timedelta(seconds=lease_s)
    leases.give_back(owner=name)
    pump = Pump(Moments(), owner=name, planner=Anything())
    next_tick = 0.0
    while True:
        if time.monotonic() >= next_tick:
            next_tick = time.monotonic() + 0.3
            materialise(now=datetime.now(UTC))
        pump.step(0.1)


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]))
