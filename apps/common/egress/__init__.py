"""The one door for everything that leaves the house: probes, redirects, resolvers, notifications.

A target is parsed once (`targets`), judged by address (`guard`), and then connected to by the very
address that was judged. Nobody downstream resolves or parses again.
"""

from apps.common.egress.errors import ForbiddenTargetError
from apps.common.egress.guard import Guard, current_guard, forbidden_reason
from apps.common.egress.targets import Host, Target, parse_host, parse_url

__all__ = [
    "ForbiddenTargetError",
    "Guard",
    "Host",
    "Target",
    "current_guard",
    "forbidden_reason",
    "parse_host",
    "parse_url",
]
