"""What every kind of check works with."""

from collections.abc import Sequence
from dataclasses import dataclass

from apps.checks.engine.curl import Lane
from apps.checks.engine.places import Places
from apps.checks.engine.reactor import Reactor
from apps.checks.engine.resolver import Resolver
from apps.common.egress import Guard
from apps.common.egress.addresses import Address


@dataclass(frozen=True, slots=True)
class Tools:
    reactor: Reactor
    guard: Guard
    resolver: Resolver
    lane: Lane
    places: Places


class Budget:
    """The time a check has. Standing in line for an address costs it nothing."""

    def __init__(self, reactor: Reactor, seconds: float, started: float | None = None) -> None:
        """`started`: when it began, on the reactor's clock, if that was not just now."""
        self._reactor = reactor
        self._started = reactor.now() if started is None else started
        self.deadline = self._started + seconds

    def grant(self, seconds: float) -> None:
        """Give back time that was spent waiting for a place."""
        self._started += seconds
        self.deadline += seconds

    @property
    def elapsed_us(self) -> int:
        return int((self._reactor.now() - self._started) * 1_000_000)

    @property
    def left_ms(self) -> int:
        """Whole milliseconds left, at least one."""
        return max(1, int((self.deadline - self._reactor.now()) * 1000))


# A name with many addresses is tried at the first few of them.
ADDRESSES_TRIED = 3


def tried(addresses: Sequence[Address]) -> Sequence[Address]:
    return addresses[:ADDRESSES_TRIED]
