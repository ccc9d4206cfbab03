"""Coroutines without asyncio: one check is one coroutine, and it costs a microsecond or two to run it.

asyncio would cost more than the probe itself (a TCP connect: 27 microseconds on epoll, 108 on asyncio).
"""

from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Waiter(Generic[T]):
    """A value, or an error, that will come once; coroutines await it."""

    __slots__ = ("_callback", "_error", "_more", "_value", "done")

    def __init__(self) -> None:
        self.done = False
        self._value: T
        self._error: BaseException | None = None
        # Nearly every waiter has one caller only, so a list is made for the second.
        self._callback: Callable[[], None] | None = None
        self._more: list[Callable[[], None]] | None = None

    def resolve(self, value: T) -> None:
        """Hand over the value; a second answer of any kind is ignored."""
        if not self.done:
            self._value = value
            self._finish()

    def fail(self, error: BaseException) -> None:
        """Hand over an error instead; it is raised where the value is awaited."""
        if not self.done:
            self._error = error
            self._finish()

    def then(self, callback: Callable[[], None]) -> None:
        """Call back when done; at once when that is now."""
        if self.done:
            callback()
        elif self._callback is None:
            self._callback = callback
        elif self._more is None:
            self._more = [callback]
        else:
            self._more.append(callback)

    def result(self) -> T:
        if self._error is not None:
            raise self._error
        return self._value

    def _finish(self) -> None:
        self.done = True
        callback, more = self._callback, self._more
        self._callback = self._more = None
        if callback is not None:
            callback()
        for callback in more or ():
            callback()

    def __await__(self) -> Generator["Waiter[Any]", None, T]:
        if not self.done:
            yield self
        return self.result()


class Task(Waiter[T]):
    """A coroutine under way, and its outcome."""

    __slots__ = ("_coroutine",)

    def __init__(self, coroutine: Coroutine["Waiter[Any]", None, T]) -> None:
        super().__init__()
        self._coroutine = coroutine
        self._step()

    def _step(self) -> None:
        if self.done:
            return
        try:
            waiter = self._coroutine.send(None)
        except StopIteration as stop:
            self.resolve(stop.value)
        except Exception as error:  # noqa: BLE001  # kept for whoever awaits this task, and raised there
            self.fail(error)
        else:
            waiter.then(self._step)

    def cancel(self) -> None:
        """Drop the coroutine where it stands; its `finally` blocks run, nobody is called back."""
        if not self.done:
            self.done = True
            self._callback = self._more = None
            self._error = RuntimeError("cancelled")
            self._coroutine.close()
