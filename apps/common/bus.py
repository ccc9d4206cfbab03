"""Nudges between parts of the product: "look now", never data.

A topic carries no payload and may be lost; whoever listens also looks by itself every now and then, since the
database is the only memory. In one process this is a table of callbacks. With REDIS_URL the same nudge also
travels over Redis pub/sub (`redis_bus`), so it reaches the workers of other machines.
"""

import logging
import threading
from collections.abc import Callable

from django.conf import settings

log = logging.getLogger(__name__)
CHECKS = "checks"  # a check was asked for
NOTIFICATIONS = "notifications"  # something may have to be sent
HEARTBEATS = "heartbeats"  # a deadline moved
Callback = Callable[[], None]


class Bus:
    """Callbacks by topic, in this process."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}
        self._lock = threading.Lock()

    def publish(self, topic: str) -> None:
        """Nudge everybody who listens to a topic; never raises and never waits for them."""
        with self._lock:
            callbacks = list(self._callbacks.get(topic, ()))
        for callback in callbacks:
            try:
                callback()
            except Exception:
                # Whoever fails to listen must end neither the write that nudged nor the listening of the others.
                log.exception("bus: a nudge could not be taken", extra={"topic": topic})

    def subscribe(self, topic: str, callback: Callback) -> Callback:
        """Call `callback` at every nudge, from whichever thread it comes; the answer ends the subscription."""
        with self._lock:
            self._callbacks.setdefault(topic, []).append(callback)

        def unsubscribe() -> None:
            with self._lock:
                self._callbacks[topic] = [kept for kept in self._callbacks[topic] if kept is not callback]

        return unsubscribe

    def close(self) -> None:
        """Listen no longer to others, where there are any."""


_shared: Bus | None = None
_shared_lock = threading.Lock()


def shared() -> Bus:
    """The process's bus, made on first use."""
    global _shared  # noqa: PLW0603  # one per process, and settings may not be read at import
    with _shared_lock:
        if _shared is None:
            _shared = _new(settings.REDIS_URL)
        return _shared


def _new(url: str) -> Bus:
    if not url:
        return Bus()
    # Five megabytes that most installations have no use for.
    from apps.common.redis_bus import RedisBus

    return RedisBus(url)


def publish(topic: str) -> None:
    """Nudge everybody who listens to a topic, here and on other machines."""
    shared().publish(topic)


def subscribe(topic: str, callback: Callback) -> Callback:
    """Listen to a topic until the answer is called."""
    return shared().subscribe(topic, callback)
