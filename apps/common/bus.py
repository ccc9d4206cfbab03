"""Nudges between parts of the product: "look now", never data.

A topic carries no payload and may be lost; whoever listens also looks by itself every now and then, since the
database is the only memory. In one process this is a table of callbacks. With REDIS_URL the same nudge also
travels over Redis pub/sub, so it reaches the workers of other machines.
"""

import logging
import threading
from collections.abc import Callable

from django.conf import settings
from redis import Redis
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
CHECKS = "checks"  # a check was asked for
NOTIFICATIONS = "notifications"  # something may have to be sent
HEARTBEATS = "heartbeats"  # a deadline moved
PREFIX = "dashmon:"
LISTEN_S = 1.0
PAUSE_S = 5.0
Callback = Callable[[], None]


class Bus:
    """Callbacks by topic, and one listening thread where there is a Redis to listen to."""

    def __init__(self, url: str = "") -> None:
        self._url = url
        self._callbacks: dict[str, list[Callback]] = {}
        self._lock = threading.Lock()
        self._listener: threading.Thread | None = None
        self._closed = threading.Event()
        self._client: Redis | None = None

    def publish(self, topic: str) -> None:
        """Nudge everybody who listens to a topic; never raises and never waits for them."""
        self._call(topic)
        if not self._url:
            return
        try:
            self._connection().publish(PREFIX + topic, "")
        except RedisError:
            log.warning("bus: a nudge was lost", extra={"topic": topic})

    def subscribe(self, topic: str, callback: Callback) -> Callback:
        """Call `callback` at every nudge, from whichever thread it comes; the answer ends the subscription."""
        with self._lock:
            self._callbacks.setdefault(topic, []).append(callback)
            if self._url and self._listener is None:
                self._listener = threading.Thread(target=self._listen, name="bus", daemon=True)
                self._listener.start()

        def unsubscribe() -> None:
            with self._lock:
                self._callbacks[topic] = [kept for kept in self._callbacks[topic] if kept is not callback]

        return unsubscribe

    def close(self) -> None:
        """End the listening thread, if there is one."""
        self._closed.set()
        if self._listener is not None:
            self._listener.join(LISTEN_S * 3)

    def _call(self, topic: str) -> None:
        with self._lock:
            callbacks = list(self._callbacks.get(topic, ()))
        for callback in callbacks:
            try:
                callback()
            except Exception:
                # Whoever fails to listen must end neither the write that nudged nor the listening of the others.
                log.exception("bus: a nudge could not be taken", extra={"topic": topic})

    def _connection(self) -> Redis:
        if self._client is None:
            self._client = Redis.from_url(self._url, socket_timeout=2, socket_connect_timeout=2)
        return self._client

    def _listen(self) -> None:
        while not self._closed.is_set():
            try:
                self._hear()
            except RedisError:
                log.warning("bus: Redis does not answer, trying again")
                self._closed.wait(PAUSE_S)

    def _hear(self) -> None:
        # Reading blocks, so the listener has a connection of its own without the short time-out.
        client = Redis.from_url(self._url, socket_connect_timeout=2)
        with client.pubsub(ignore_subscribe_messages=True) as channel:  # type: ignore[no-untyped-call]  # redis-py leaves it bare
            channel.psubscribe(PREFIX + "*")
            while not self._closed.is_set():
                message = channel.get_message(timeout=LISTEN_S)
                if message is not None:
                    self._call(message["channel"].decode().removeprefix(PREFIX))


_shared: Bus | None = None
_shared_lock = threading.Lock()


def shared() -> Bus:
    """The process's bus, made on first use."""
    global _shared  # noqa: PLW0603  # one per process, and settings may not be read at import
    with _shared_lock:
        if _shared is None:
            _shared = Bus(settings.REDIS_URL)
        return _shared


def publish(topic: str) -> None:
    """Nudge everybody who listens to a topic, here and on other machines."""
    shared().publish(topic)


def subscribe(topic: str, callback: Callback) -> Callback:
    """Listen to a topic until the answer is called."""
    return shared().subscribe(topic, callback)
