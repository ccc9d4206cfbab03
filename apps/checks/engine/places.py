"""How many probes may be under way to one address: a monitor is no load test."""

from collections import deque
from dataclasses import dataclass

from apps.checks.engine.flow import Waiter
from apps.checks.engine.reactor import Reactor, TimedOutError, Timer
from apps.common.egress.addresses import Address

PER_ADDRESS = 4
# A probe that has been under way for so long is waiting for its target and no load on it: it holds up nobody else.
YOUNG_S = 1.0
# Politeness ends where lateness begins: a check that has waited so long runs anyway.
PATIENCE_S = 10.0


@dataclass(eq=False, slots=True)
class Place:
    """A probe under way: where to, since when by the reactor's clock, and how many seconds it had to wait.

    An address is kept as a number, which is cheaper to look up: those below 2^32 are IPv4, since no host has such an
    IPv6 address but ourselves.
    """

    key: int
    since: float
    waited_s: float


class Places:
    """At most `limit` young holders per address; the others wait in line."""

    def __init__(self, reactor: Reactor, limit: int = PER_ADDRESS) -> None:
        self._reactor = reactor
        self._limit = limit
        self._held: dict[int, list[Place]] = {}
        self._queues: dict[int, deque[Waiter[Place]]] = {}
        self._timers: dict[int, Timer] = {}

    def try_take(self, address: Address) -> Place | None:
        """Hold a place when one is free and nobody waits for it; `give` must follow then."""
        key = int(address)
        if key in self._queues or not self._has_room(key):
            return None
        return self._hold(key, self._reactor.now())

    async def take(self, address: Address) -> Place:
        """Wait for a place and hold it; `give` must follow."""
        if (free := self.try_take(address)) is not None:
            return free
        key, asked = int(address), self._reactor.now()
        turn: Waiter[Place] = Waiter()
        self._queues.setdefault(key, deque()).append(turn)
        self._move_up(key)
        try:
            place: Place = await self._reactor.until(turn, asked + PATIENCE_S)
        except TimedOutError:
            return self._hold(key, asked)
        place.waited_s = place.since - asked
        return place

    def give(self, place: Place) -> None:
        """Hand the place to the next in line, or free it."""
        held = self._held[place.key]
        held.remove(place)
        if not held:
            del self._held[place.key]
        if place.key in self._queues:
            self._move_up(place.key)

    def _hold(self, key: int, asked: float) -> Place:
        now = self._reactor.now()
        place = Place(key, now, now - asked)
        self._held.setdefault(key, []).append(place)
        return place

    def _has_room(self, key: int) -> bool:
        held = self._held.get(key, ())
        return len(held) < self._limit or len(self._young(key)) < self._limit

    def _young(self, key: int) -> list[Place]:
        since = self._reactor.now() - YOUNG_S
        return [place for place in self._held.get(key, ()) if place.since > since]

    def _move_up(self, key: int) -> None:
        """Let in whom there is room for, and look again when the oldest young place is no longer young."""
        queue = self._queues.get(key, deque())
        while queue and self._has_room(key):
            turn = queue.popleft()
            if not turn.done:
                turn.resolve(self._hold(key, self._reactor.now()))
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        # Whoever was let in may have given its place back by now, and emptied the line.
        if not queue:
            if self._queues.get(key) is queue:
                del self._queues[key]
            return
        oldest = min(place.since for place in self._young(key))
        self._timers[key] = self._reactor.call_at(oldest + YOUNG_S, lambda: self._move_up(key))
