"""How long this process waits for something: one timer for all, because one each costs more than most waits."""

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

W = TypeVar("W")


class Patience(Generic[W]):
    """Everybody has the same time, so whoever began first is struck first. For one loop at a time."""

    def __init__(self, seconds: float, strike: Callable[[W], None]) -> None:
        self._seconds, self._strike = seconds, strike
        self._began: dict[W, float] = {}  # in the order of beginning
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, who: W) -> None:
        """From now on its time runs."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            # The loop before has ended, and with it its timer and all who waited there.
            self._loop, self._timer = loop, None
            self._began.clear()
        self._began[who] = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._seconds, self._look)

    def end(self, who: W) -> bool:
        """It waits no longer; False when its time was over before."""
        return self._began.pop(who, None) is not None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer, past = None, loop.time() - self._seconds
        while self._began:
            who, began = next(iter(self._began.items()))
            if began > past:
                self._timer = loop.call_at(began + self._seconds, self._look)
                return
            del self._began[who]
            self._strike(who)


class Deadlines:
    """`asyncio.timeout` of one length for every task that enters: TimeoutError for who stays longer."""

    def __init__(self, seconds: float) -> None:
        self._patience: Patience[asyncio.Task[object]] = Patience(seconds, _cancel)

    def __enter__(self) -> None:
        self._patience.begin(_entered())

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        task = _entered()
        if self._patience.end(task):
            return
        # Somebody else may want the task to end just as well.
        if task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise TimeoutError


def _entered() -> "asyncio.Task[object]":
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("a deadline needs a task")
    return task


def _cancel(task: "asyncio.Task[object]") -> None:
    task.cancel()
