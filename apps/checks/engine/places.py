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
        # By the address as a number: those below 2^32 are IPv4, since no host has such an IPv6 address but ourselves.
        self._held: dict[int, int] = {}
        self._queues: dict[int, deque[Waiter[None]]] = {}

    def try_take(self, address: Address) -> bool:
        """Hold a place when one is free; `give` must follow then."""
        key = int(address)
        held = self._held.get(key, 0)
        if held >= self._limit:
            return False
        self._held[key] = held + 1
        return True

    async def take(self, address: Address) -> float:
        """Wait for a place and hold it; returns the seconds waited. `give` must follow."""
        if self.try_take(address):
            return 0.0
        key, started = int(address), self._reactor.now()
        turn: Waiter[None] = Waiter()
        self._queues.setdefault(key, deque()).append(turn)
        try:
            await self._reactor.until(turn, started + PATIENCE_S)
        except TimedOutError:
            self._held[key] = self._held.get(key, 0) + 1
        return self._reactor.now() - started

    def give(self, address: Address) -> None:
        """Hand the place to the next in line, or free it."""
        key = int(address)
        if self._queues and self._pass_on(key):
            # The number of holders stays: this one goes, that one comes.
            return
        left = self._held[key] - 1
        if left:
            self._held[key] = left
        else:
            del self._held[key]

    def _pass_on(self, key: int) -> bool:
        queue = self._queues.get(key)
        while queue:
            turn = queue.popleft()
            if not turn.done:
                turn.resolve(None)
                return True
        self._queues.pop(key, None)
        return False
