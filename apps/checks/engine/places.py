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
    """A probe under way: where to, since when by the reactor's clock, and how many seconds it had to wait."""

    address: Address
    since: float
    waited_s: float


class Places:
    """At most `limit` young holders per address; the others wait in line."""

    def __init__(self, reactor: Reactor, limit: int = PER_ADDRESS) -> None:
        self._reactor = reactor
        self._limit = limit
        self._held: dict[Address, list[Place]] = {}
        self._queues: dict[Address, deque[Waiter[Place]]] = {}
        self._timers: dict[Address, Timer] = {}

    async def take(self, address: Address) -> Place:
        """Wait for a place and hold it; `give` must follow."""
        asked = self._reactor.now()
        if address not in self._queues and self._has_room(address):
            return self._hold(address, asked)
        turn: Waiter[Place] = Waiter()
        self._queues.setdefault(address, deque()).append(turn)
        self._move_up(address)
        try:
            place: Place = await self._reactor.until(turn, asked + PATIENCE_S)
        except TimedOutError:
            return self._hold(address, asked)
        place.waited_s = place.since - asked
        return place

    def give(self, place: Place) -> None:
        """Hand the place to the next in line, or free it."""
        held = self._held[place.address]
        held.remove(place)
        if not held:
            del self._held[place.address]
        if place.address in self._queues:
            self._move_up(place.address)

    def _hold(self, address: Address, asked: float) -> Place:
        now = self._reactor.now()
        place = Place(address, now, now - asked)
        self._held.setdefault(address, []).append(place)
        return place

    def _has_room(self, address: Address) -> bool:
        held = self._held.get(address, ())
        return len(held) < self._limit or len(self._young(address)) < self._limit

    def _young(self, address: Address) -> list[Place]:
        since = self._reactor.now() - YOUNG_S
        return [place for place in self._held.get(address, ()) if place.since > since]

    def _move_up(self, address: Address) -> None:
        """Let in whom there is room for, and look again when the oldest young place is no longer young."""
        queue = self._queues.get(address, deque())
        while queue and self._has_room(address):
            turn = queue.popleft()
            if not turn.done:
                turn.resolve(self._hold(address, self._reactor.now()))
        if (timer := self._timers.pop(address, None)) is not None:
            timer.cancel()
        # Whoever was let in may have given its place back by now, and emptied the line.
        if not queue:
            if self._queues.get(address) is queue:
                del self._queues[address]
            return
        oldest = min(place.since for place in self._young(address))
        self._timers[address] = self._reactor.call_at(oldest + YOUNG_S, lambda: self._move_up(address))
