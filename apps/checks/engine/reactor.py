"""One epoll and one heap of timers: everything a probe can wait for."""

import heapq
import os
import select
import time
from collections.abc import Callable

from apps.checks.engine.flow import T, Waiter

READ = select.EPOLLIN
WRITE = select.EPOLLOUT
FAULT = select.EPOLLERR | select.EPOLLHUP
Handler = Callable[[int, int], object]  # descriptor, events


class TimedOutError(Exception):
    """The deadline passed before the thing that was awaited happened."""


class Timer:
    """A call that is due at an instant of the monotonic clock."""

    __slots__ = ("callback", "when")

    def __init__(self, when: float, callback: Callable[[], None] | None) -> None:
        self.when = when
        self.callback = callback

    def cancel(self) -> None:
        self.callback = None


class _Event(Waiter[int]):
    """An event of a descriptor that is awaited until a deadline."""

    __slots__ = ("timer",)
    timer: Timer

    def happened(self, _: int, events: int) -> None:
        self.timer.cancel()
        self.resolve(events)

    def missed(self) -> None:
        self.fail(TimedOutError())


class Reactor:
    """Waits for sockets and instants and calls whoever asked. Only `wake` may be called by other threads."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._handlers: dict[int, Handler] = {}
        # By instant and number, so that no two are equal and the heap compares them without us.
        self._timers: list[tuple[float, int, Timer]] = []
        self._count = 0
        self._last: list[Callable[[], None]] = []
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._epoll.register(self._bell, READ)
        self.woken = False

    # Seconds of the monotonic clock, which deadlines are spelled in.
    now = staticmethod(time.monotonic)

    def at_end(self, callback: Callable[[], None]) -> None:
        """Call back at the end of every turn, once for all events of it."""
        self._last.append(callback)

    def watch(self, fd: int, events: int, handler: Handler) -> None:
        """Call `handler(fd, events)` whenever one of the events happens; a second call changes both."""
        if fd in self._handlers:
            self._epoll.modify(fd, events)
        else:
            try:
                self._epoll.register(fd, events)
            except FileExistsError:
                # Left, but not closed since.
                self._epoll.modify(fd, events)
        self._handlers[fd] = handler

    def leave(self, fd: int) -> None:
        """Stop watching a descriptor that is about to be closed: the kernel forgets it by itself then."""
        self._handlers.pop(fd, None)

    def forget(self, fd: int) -> None:
        """Stop watching; call it before the descriptor is closed."""
        if self._handlers.pop(fd, None) is not None:
            self._unregister(fd)

    def _unregister(self, fd: int) -> None:
        try:
            self._epoll.unregister(fd)
        except OSError:
            # The owner closed it first; the kernel has forgotten it already.
            return

    def call_at(self, when: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(when, callback)
        self._count += 1
        heapq.heappush(self._timers, (when, self._count, timer))
        return timer

    def until(self, waiter: Waiter[T], deadline: float) -> Waiter[T]:
        """The same waiter, which fails with TimedOutError at the deadline; it is for one caller."""
        if not waiter.done:
            timer = self.call_at(deadline, lambda: waiter.fail(TimedOutError()))
            waiter.then(timer.cancel)
        return waiter

    def event(self, fd: int, events: int, deadline: float) -> Waiter[int]:
        """The events a descriptor is ready for, errors included; TimedOutError at the deadline.

        Whoever asks has to `forget` the descriptor in the end, or to `leave` it when it is closed next.
        """
        event = _Event()
        self.watch(fd, events, event.happened)
        event.timer = self.call_at(deadline, event.missed)
        return event

    async def ready(self, fd: int, events: int, deadline: float) -> int:
        """The same for a descriptor that lives on."""
        try:
            return await self.event(fd, events, deadline)
        finally:
            self.forget(fd)

    def turn(self, timeout_s: float) -> None:
        """Wait once, at most so long, and call everyone whose event or instant has come."""
        for fd, events in self._epoll.poll(self._patience(timeout_s)):
            if fd == self._bell:
                os.eventfd_read(self._bell)
                self.woken = True
            elif handler := self._handlers.get(fd):
                handler(fd, events)
            else:
                # Left and not closed, or an event of this very turn that nobody waits for any more.
                self._unregister(fd)
        now = self.now()
        timers = self._timers
        while timers and timers[0][0] <= now:
            if callback := heapq.heappop(timers)[2].callback:
                callback()
        for callback in self._last:
            callback()

    def _patience(self, timeout_s: float) -> float:
        timers = self._timers
        while timers and timers[0][2].callback is None:
            heapq.heappop(timers)
        if timers:
            timeout_s = min(timeout_s, timers[0][0] - self.now())
        # Rounded up by a hair: epoll counts whole milliseconds and would turn idly before a timer is due.
        return max(0.0, timeout_s) and timeout_s + 0.0005

    def wake(self) -> None:
        """Make a waiting `turn` return; safe from any thread."""
        os.eventfd_write(self._bell, 1)

    def close(self) -> None:
        self._handlers.clear()
        self._timers.clear()
        self._last.clear()
        self._epoll.close()
        os.close(self._bell)
