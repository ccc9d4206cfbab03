"""A pump, its engine, a clock and a tick every half second in virtual time, as the background drives them."""

from datetime import datetime, timedelta

from apps.checks.pump import Pump
from apps.checks.schedule import materialise
from apps.common import bus
from tests.apps.checks.simulation import Clock, Targets, VirtualEngine

SECOND = timedelta(seconds=1)
TICK = SECOND / 2


class House:
    """Its first tick is at `now`; everything else follows from what a test tells it to do."""

    def __init__(self, now: datetime, targets: Targets | None = None, *, slots: int = 256) -> None:
        self.clock = Clock(now)
        self.targets = targets or Targets()
        self.engine = VirtualEngine(self.clock, slots=slots)
        materialise(now=now)
        self.next_tick = now + TICK
        self.engine.on_wait = self.tick
        self.pump = self.new_pump()

    def new_pump(self, owner: str = "house") -> Pump:
        return Pump(self.engine, owner=owner, clock=self.clock, planner=self.targets)

    def tick(self, now: datetime) -> None:
        if now >= self.next_tick:
            self.next_tick = now + TICK
            if materialise(now=now).batches:
                bus.publish(bus.CHECKS)

    def run(self, seconds: float) -> None:
        end = self.clock.now + timedelta(seconds=seconds)
        while self.clock.now < end:
            # The engine's virtual wait must not jump over a tick.
            self.pump.step(TICK / SECOND)
