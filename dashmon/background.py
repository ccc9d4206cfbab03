"""Everything that happens without a request, when there is no Celery: one class, as threads or as one child process.

Nothing here decides what is due: every step reads it from the database, so a step that was lost or killed is simply
done by the next one. Threads share no connection with the web side; nudges over the bus only make them look sooner.
"""

import logging
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import structlog
from django.conf import settings
from django.db import connections
from django.utils import timezone

from apps.checks import cycles, leases, requests
from apps.checks.pump import Engine, Pump
from apps.checks.selectors import due_per_second
from apps.common import bus, counters, storage
from dashmon import steps

log = logging.getLogger(__name__)

# A child process pays from here on, when there is a second core for it (measured; docs/architecture.md).
CHILD_FROM_CHECKS_PER_S = 200
LONGEST_PAUSE_S = 5.0
CLOSE_S = 4.0
NUDGES = (bus.CHECKS, bus.NOTIFICATIONS)
Mode = Literal["off", "thread", "process"]
Step = Callable[[], bool]


class Runner(Protocol):
    """What the server starts and closes with itself."""

    def start(self) -> None: ...
    def close(self, deadline_s: float = CLOSE_S) -> None: ...


def mode() -> Mode:
    """How the background runs here: not at all with REDIS_URL, else as DASHMON_BACKGROUND says or by the load."""
    if settings.REDIS_URL or settings.BACKGROUND == "off":
        return "off"
    if settings.BACKGROUND in {"thread", "process"}:
        return "process" if settings.BACKGROUND == "process" else "thread"
    busy = _cores() >= 2 and due_per_second() > CHILD_FROM_CHECKS_PER_S
    return "process" if busy else "thread"


def runner() -> Runner | None:
    """The background of this server process, not started yet; None when workers elsewhere do the work."""
    chosen = mode()
    if chosen == "off":
        return None
    return Background() if chosen == "thread" else ChildBackground()


def embedded_owner() -> str:
    """Who holds the leases of this installation's own background, before and after a restart."""
    return f"embedded@{socket.gethostname()}:{settings.PORT}"


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Loop:
    """One thread that repeats a step: at once while there is more, else after a pause or a nudge.

    An error is logged and the step repeated later; no error ends the loop. `does` names what the step is made of, as
    Celery's beat names it (dashmon/celery.py); by itself it is one thing, called like the loop.
    """

    def __init__(self, name: str, step: Step, *, every_s: float, does: Sequence[str] = ()) -> None:
        self._name, self._step, self._every_s = name, step, every_s
        self._does = does or (name,)
        self._stopping = threading.Event()
        self._awake = threading.Event()
        self.failures = 0
        self.thread = threading.Thread(target=self._run, name=f"background-{name}", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def wake(self) -> None:
        """Look now instead of at the end of the pause; from any thread."""
        self._awake.set()

    def stop(self) -> None:
        self._stopping.set()
        self._awake.set()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._awake.clear()
                self._pause(self._once())
        finally:
            connections.close_all()

    def _once(self) -> float:
        """One step; the seconds until the next one."""
        began = time.monotonic()
        try:
            with structlog.contextvars.bound_contextvars(step=self._name, run_id=secrets.token_hex(6)):
                more = self._step()
        except Exception as error:
            # The edge of the process: the next step finds the same work in the database.
            storage.note(error, now=timezone.now())
            log.exception("background: a step failed", extra={"loop": self._name})
            connections.close_all()
            self.failures += 1
            for name in self._does:
                counters.step_failed(name)
            return min(LONGEST_PAUSE_S, 0.5 * 2.0**self.failures)
        self.failures = 0
        for name in self._does:
            counters.step_done(name, at=timezone.now(), seconds=(time.monotonic() - began) / len(self._does))
        return 0.0 if more else max(0.0, self._every_s - (time.monotonic() - began))

    def _pause(self, seconds: float) -> None:
        # After a failure nothing but the stop cuts the pause short.
        event = self._stopping if self.failures else self._awake
        if seconds > 0 and not self._stopping.is_set():
            event.wait(seconds)


class PumpThread:
    """The pump with its engine in a thread of its own; both are made anew after an error."""

    def __init__(self, engine: Callable[[], Engine], *, owner: str) -> None:
        self._engine, self._owner = engine, owner
        self._stopping = threading.Event()
        self._pump: Pump | None = None
        self._lock = threading.Lock()
        self.thread = threading.Thread(target=self._run, name="background-pump", daemon=True)

    def start(self) -> None:
        self.thread.start()

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            if self._pump is not None:
                self._pump.stop()

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                self._pump_until_stopped()
                failures = 0
            except Exception:
                # Likewise an edge; what was in hand has been given back or runs out of its lease.
                log.exception("background: the pump failed")
                failures += 1
            finally:
                connections.close_all()
            if failures:
                self._stopping.wait(min(LONGEST_PAUSE_S, 0.5 * 2.0**failures))

    def _pump_until_stopped(self) -> None:
        # Left over from a process that was killed; nobody else uses this name.
        leases.give_back(owner=self._owner)
        requests.give_back(owner=self._owner)
        cycles.search_rarely()
        pump = Pump(self._engine(), owner=self._owner)
        with self._lock:
            self._pump = pump
        try:
            if not self._stopping.is_set():
                pump.run()
        finally:
            with self._lock:
                self._pump = None
            pump.close()


def probe_engine() -> Engine:
    """The engine of the product."""
    from apps.checks.engine.engine import Engine as ProbeEngine

    return ProbeEngine()


class Background:
    """Pump, schedule, sweeps, notifications and upkeep of the metrics as threads of this process."""

    def __init__(self, *, engine: Callable[[], Engine] = probe_engine, owner: str | None = None) -> None:
        owner = owner or embedded_owner()
        self._pump = PumpThread(engine, owner=owner)
        notify = {
            "fan-out": Loop("fan-out", steps.fan_out, every_s=1.0),
            "escalate": Loop("escalate", steps.take_steps, every_s=1.0),
            "deliver": Loop("deliver", steps.Delivering(owner), every_s=1.0),
        }
        self._loops = [
            Loop("schedule", steps.schedule, every_s=0.5),
            Loop("heartbeats", steps.sweep_heartbeats, every_s=1.0),
            Loop("nodes", steps.watch_nodes, every_s=5.0),
            Loop("windows", steps.sweep_windows, every_s=2.0),
            Loop("flapping", steps.settle_flapping, every_s=5.0),
            *notify.values(),
            Loop("subscribers", steps.tell_subscribers, every_s=2.0),
            Loop("metrics", steps.keep_metrics, every_s=15.0, does=("seal", "rebuild")),
            Loop("traffic", steps.keep_traffic, every_s=5.0),
            Loop("cycles", steps.keep_cycles, every_s=3600.0),
            Loop("reports", steps.send_reports, every_s=30.0),
            Loop("terms", steps.lapse_terms, every_s=60.0),
            Loop("erase", steps.erase_closed, every_s=60.0),
            Loop("upkeep", steps.upkeep, every_s=300.0, does=steps.UPKEEP),
        ]
        self._unsubscribe = [bus.subscribe(bus.NOTIFICATIONS, loop.wake) for loop in notify.values()]

    def start(self) -> None:
        """Start all threads; returns at once."""
        for loop in self._loops:
            loop.start()
        self._pump.start()

    def close(self, deadline_s: float = CLOSE_S) -> None:
        """Stop all threads and give leases back; waits for at most `deadline_s` in all."""
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        end = time.monotonic() + deadline_s
        self._pump.stop()
        for loop in self._loops:
            loop.stop()
        for thread in (self._pump.thread, *(loop.thread for loop in self._loops)):
            if thread.is_alive():
                thread.join(max(0.0, end - time.monotonic()))
        alive = [thread.name for thread in threading.enumerate() if thread.name.startswith("background-")]
        if alive:
            log.warning("background: still busy at the end", extra={"threads": alive})


class ChildBackground:
    """The same background in one child process, started anew when it dies; it ends with this process."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._watcher = threading.Thread(target=self._watch, name="background-child", daemon=True)
        self._unsubscribe = [bus.subscribe(topic, self._nudge(topic)) for topic in NUDGES]

    @property
    def pid(self) -> int | None:
        """Of the child, while there is one."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the child and watch it."""
        self._spawn()
        self._watcher.start()

    def close(self, deadline_s: float = CLOSE_S) -> None:
        """Ask the child to end by closing its input; kill it when it does not."""
        self._closing.set()
        for unsubscribe in self._unsubscribe:
            unsubscribe()
        with self._lock:
            process = self._process
        if process is not None:
            _hang_up(process)
            try:
                process.wait(deadline_s)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if self._watcher.is_alive():
            self._watcher.join(1.0)

    def _spawn(self) -> subprocess.Popen[bytes]:
        # Executed, not forked: no thread and no handle of the server travels along.
        command = [sys.executable, "-m", "dashmon.child"]
        with self._lock:
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, cwd=settings.BASE_DIR)  # noqa: S603  # our own module
            return self._process

    def _watch(self) -> None:
        pause_s, process = 0.5, self._process
        while process is not None and not self._closing.is_set():
            began = time.monotonic()
            code = process.wait()
            _hang_up(process)
            if self._closing.is_set():
                return
            pause_s = 0.5 if time.monotonic() - began > 60 else min(30.0, pause_s * 2)
            log.error("background: the child ended and is started again", extra={"code": code, "pause_s": pause_s})
            if not self._closing.wait(pause_s):
                process = self._spawn()

    def _nudge(self, topic: str) -> bus.Callback:
        def pass_on() -> None:
            with self._lock:
                process = self._process
            if process is None or process.stdin is None:
                return
            try:
                os.write(process.stdin.fileno(), f"{topic}\n".encode())
            except (OSError, ValueError):
                log.debug("background: the child is gone, so it needs no nudge")

        return pass_on


def _hang_up(process: "subprocess.Popen[bytes]") -> None:
    if process.stdin is not None:
        try:
            process.stdin.close()
        except OSError:
            log.debug("background: the child had hung up first")
