"""How a probe breaks, in the words of contract Dashmon 6.1."""

import errno
from collections.abc import Mapping

from apps.checks.types import Failure

OS_REASONS: Mapping[int, tuple[str, str]] = {
    errno.ECONNREFUSED: ("refused", "Connection refused"),
    errno.ECONNRESET: ("reset", "The connection was reset"),
    errno.EPIPE: ("reset", "The connection was reset"),
    errno.ECONNABORTED: ("reset", "The connection was reset"),
    errno.ETIMEDOUT: ("timeout", "The connection could not be opened in time"),
    errno.EHOSTUNREACH: ("unreachable", "The host cannot be reached"),
    errno.ENETUNREACH: ("unreachable", "The network cannot be reached"),
    errno.EADDRNOTAVAIL: ("unreachable", "The address cannot be reached from here"),
    errno.EAFNOSUPPORT: ("unreachable", "The address cannot be reached from here"),
    errno.EACCES: ("unreachable", "The address cannot be reached from here"),
    errno.EPERM: ("unreachable", "A firewall on this machine forbids the connection"),
}
# Another address of the same name may still answer after one of these.
NEXT_ADDRESS = frozenset({"refused", "unreachable"})


class Fault(Exception):  # noqa: N818  # it travels inside the engine only, as the Failure it carries
    """A transport that broke."""

    def __init__(self, error: str, reason: str, message: str) -> None:
        super().__init__(message)
        self.failure = Failure(error, reason, message)


def os_fault(number: int, *, error: str = "connect") -> Fault:
    """The fault behind an errno of a socket."""
    reason, message = OS_REASONS.get(number, ("protocol", f"The connection failed (error {number})"))
    return Fault(error, reason, message)


def blocked(message: str) -> Fault:
    """What the egress guard refused."""
    return Fault("connect", "blocked", message)
