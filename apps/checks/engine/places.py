"""How many probes may be under way to one address: a monitor is no load test."""

from collections import deque

from apps.checks.engine.flow import Waiter
from apps.checks.engine.reactor import Reactor, TimedOutError
from apps.common.egress.addresses import Address

PER_ADDRESS = 4
# Politeness ends where lateness begins: a check that has waited so long runs anyway.
PATIENCE_S = 10.0


class Places:
    """At most `limit` holders per address; the others wait in line."""

    def __init__(self, reactor: Reactor, limit: int = PER_ADDRESS) -> None:
        self._reactor = reactor
        self._limit = limit
        self._held: dict[Address, int] = {}
        self._queues: dict[Address, deque[Waiter[None]]] = {}

    async def take(self, address: Address) -> float:
        """Wait for a place and hold it; returns the seconds waited. `give` must follow."""
        if self._held.get(address, 0) < self._limit:
            self._held[address] = self._held.get(address, 0) + 1
            return 0.0
        started = self._reactor.now()
        turn: Waiter[None] = Waiter()
        self._queues.setdefault(address, deque()).append(turn)
        try:
            await self._reactor.until(turn, started + PATIENCE_S)
        except TimedOutError:
            self._held[address] = self._held.get(address, 0) + 1
        return self._reactor.now() - started

    def give(self, address: Address) -> None:
        """Hand the place to the next in line, or free it."""
        queue = self._queues.get(address)
        while queue:
            turn = queue.popleft()
            if not turn.done:
                # The number of holders stays: this one goes, that one comes.
                turn.resolve(None)
                return
        self._queues.pop(address, None)
        left = self._held[address] - 1
        if left:
            self._held[address] = left
        else:
            del self._held[address]
