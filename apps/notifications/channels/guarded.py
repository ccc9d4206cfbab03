"""The egress guard around a library that sends by `requests`, which resolves and follows redirects by itself.

While a message is under way in a thread, every connection that this thread opens is resolved, judged and dialled by
us instead, so a redirect or a name with an inner address leads nowhere, and no proxy of the environment is asked.
Elsewhere in the process the library behaves as ever.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from apps.common.outbound import OutboundError, judged_address

CONNECT_S = 5.0


class Watch(threading.local):
    """Whether this thread is sending one of our messages, and why its last connection failed."""

    active = False
    refused = ""


_watch = Watch()


@contextmanager
def guarded() -> Iterator[Watch]:
    """Send through the guard for as long as the block lasts, in this thread."""
    _install()
    _watch.active, _watch.refused = True, ""
    try:
        yield _watch
    finally:
        _watch.active = False


@cache
def _install() -> None:
    """Put our door in front of the library's own, once for the process."""
    sessions: Any = import_module("requests.sessions")
    door: Any = import_module("urllib3.connection").HTTPConnection
    open_freely, environment_proxies = door._new_conn, sessions.get_environ_proxies  # noqa: SLF001  # there is no public door

    def new_connection(connection: Any) -> Any:
        return _dial(connection) if _watch.active else open_freely(connection)

    def proxies(*args: Any, **kwargs: Any) -> Any:
        return {} if _watch.active else environment_proxies(*args, **kwargs)

    door._new_conn, sessions.get_environ_proxies = new_connection, proxies  # noqa: SLF001  # as above


def _dial(connection: Any) -> socket.socket:
    from urllib3.exceptions import NewConnectionError

    try:
        address = judged_address(connection.host, connection.port, CONNECT_S)
        return socket.create_connection((str(address), connection.port), CONNECT_S)
    except OutboundError as error:
        _watch.refused = error.reason
        raise NewConnectionError(connection, error.reason) from error
    except OSError as error:
        _watch.refused = "connect"
        raise NewConnectionError(connection, "connect") from error
