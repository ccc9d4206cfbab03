"""Rate limits: fixed windows counted in the cache, so every process counts together where there is Redis."""

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.core.cache import cache

from apps.common.clock import epoch_ms
from apps.common.errors import RateLimitedError

TOO_MANY = "Too many requests. Please slow down."


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `most` calls of one subject in each window of `window_s` seconds."""

    scope: str
    most: int
    window_s: int = 60
    sentence: str = TOO_MANY


@dataclass(frozen=True, slots=True)
class Allowance:
    """Where a subject stands in its window: what the RateLimit headers say."""

    limit: int
    remaining: int
    reset_s: int

    def as_headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_s),
        }


class TooManyCallsError(RateLimitedError):
    """A limit is used up; carries the allowance for the headers."""

    def __init__(self, message: str, allowance: Allowance) -> None:
        super().__init__(message, retry_after_s=allowance.reset_s)
        self.allowance = allowance


def count(limit: Limit, subject: str, *, now: datetime) -> Allowance | None:
    """Count one call; TooManyCallsError when the window is full, None when limits are switched off."""
    if not settings.RATE_LIMITS:
        return None
    window, elapsed_ms = divmod(epoch_ms(now), limit.window_s * 1000)
    reset_s = max(1, -(-(limit.window_s * 1000 - elapsed_ms) // 1000))
    key = f"dashmon:{limit.scope}:{subject}:{window}"
    cache.add(key, 0, timeout=limit.window_s + 5)
    try:
        used = cache.incr(key)
    except ValueError:
        # The entry was evicted between the two calls: the count starts anew.
        cache.set(key, 1, timeout=limit.window_s + 5)
        used = 1
    allowance = Allowance(limit.most, max(0, limit.most - used), reset_s)
    if used > limit.most:
        raise TooManyCallsError(limit.sentence, allowance)
    return allowance
