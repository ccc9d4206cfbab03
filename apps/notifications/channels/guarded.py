"""The egress guard around a library that sends by `requests`, which resolves and follows redirects by itself.

While a message is under way in a thread, every connection that this thread opens is resolved, judged and dialled by
us; redirects are answers and not followed, no proxy of the environment is asked, an answer is read to its bound, and
whatever is still open at the deadline is cut. Elsewhere in the process the library behaves as ever.
"""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from typing import Any

from apps.common.outbound import OutboundError, judged_address

CONNECT_S = 5.0
# Of the whole exchange, however slowly the other side speaks.
DEADLINE_S = 20.0
LONGEST_ANSWER = 64 * 1024


class Watch(threading.local):
    """Whether this thread is sending one of our messages, until when, by which connections, and why the last failed."""

    active = False
    refused = ""
    until = 0.0

    def __init__(self) -> None:
        self.lines: list[socket.socket] = []

    def left_s(self) -> float:
        """What is left of the time for this message."""
        return max(0.0, self.until - time.monotonic())


_watch = Watch()


@contextmanager
def guarded() -> Iterator[Watch]:
    """Send through the guard for as long as the block lasts, in this thread, and no longer than the deadline."""
    _install()
    lines: list[socket.socket] = []
    _watch.active, _watch.refused, _watch.lines = True, "", lines
    _watch.until = time.monotonic() + DEADLINE_S
    clock = threading.Timer(DEADLINE_S, _cut, [lines])
    clock.daemon = True
    clock.start()
    try:
        yield _watch
    finally:
        _watch.active = False
        clock.cancel()
        for line in lines:
            line.close()


def _cut(lines: list[socket.socket]) -> None:
    """End every connection, under whatever encryption it is: both directions are shut down below it."""
    for line in lines:
        try:
            line.shutdown(socket.SHUT_RDWR)
        except OSError:
            continue


@cache
def _install() -> None:
    """Put our door in front of the library's own, once for the process."""
    session: Any = import_module("requests.sessions").Session
    door: Any = import_module("urllib3.connection").HTTPConnection
    open_freely, send_freely = door._new_conn, session.send  # noqa: SLF001  # there is no public door

    def new_connection(connection: Any) -> Any:
        return _dial(connection) if _watch.active else open_freely(connection)

    def send(self: Any, request: Any, **options: Any) -> Any:
        if not _watch.active:
            return send_freely(self, request, **options)
        self.trust_env = False
        bounds = {"stream": True, "allow_redirects": False, "proxies": {}, "timeout": CONNECT_S}
        return _read(send_freely(self, request, **{**options, **bounds}))

    door._new_conn, session.send = new_connection, send  # noqa: SLF001  # as above


def _read(response: Any) -> Any:
    """The answer up to its bound; what is longer is not waited for."""
    response._content = response.raw.read(LONGEST_ANSWER, decode_content=True)  # noqa: SLF001  # as the library keeps it
    response._content_consumed = True  # noqa: SLF001  # likewise
    response.close()
    return response


def _dial(connection: Any) -> socket.socket:
    from urllib3.exceptions import NewConnectionError

    try:
        address = judged_address(connection.host, connection.port, _patience())
        line = socket.create_connection((str(address), connection.port), _patience())
    except OutboundError as error:
        _watch.refused = error.reason
        raise NewConnectionError(connection, error.reason) from error
    except OSError as error:
        _watch.refused = "connect"
        raise NewConnectionError(connection, "connect") from error
    # A handle of our own: encryption takes the first one away.
    _watch.lines.append(line.dup())
    if not _watch.left_s():
        # The clock that cuts has run out before this line was on its list.
        _cut(_watch.lines)
    return line


def _patience() -> float:
    """How long one step may take; OutboundError when the time for the message is over, for a service may have many
    places to tell, and each would wait anew.
    """
    if left_s := _watch.left_s():
        return min(CONNECT_S, left_s)
    raise OutboundError("timeout")
