"""Nudges that reach other machines as well, over Redis pub/sub. Only imported where there is a Redis."""

import logging
import threading

from redis import Redis
from redis.exceptions import RedisError

from apps.common.bus import Bus, Callback

log = logging.getLogger(__name__)
PREFIX = "dashmon:"
LISTEN_S = 1.0
PAUSE_S = 5.0


class RedisBus(Bus):
    """A bus with one listening thread, which begins with the first subscription."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url
        self._listener: threading.Thread | None = None
        self._closed = threading.Event()
        self._client: Redis | None = None

    def publish(self, topic: str) -> None:
        super().publish(topic)
        try:
            self._connection().publish(PREFIX + topic, "")
        except RedisError:
            log.warning("bus: a nudge was lost", extra={"topic": topic})

    def subscribe(self, topic: str, callback: Callback) -> Callback:
        unsubscribe = super().subscribe(topic, callback)
        with self._lock:
            if self._listener is None:
                self._listener = threading.Thread(target=self._listen, name="bus", daemon=True)
                self._listener.start()
        return unsubscribe

    def close(self) -> None:
        """End the listening thread, if there is one."""
        self._closed.set()
        if self._listener is not None:
            self._listener.join(LISTEN_S * 3)

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
                    super().publish(message["channel"].decode().removeprefix(PREFIX))
