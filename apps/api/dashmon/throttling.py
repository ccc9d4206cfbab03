"""Rate limits of contract 1.5: fixed windows counted in the cache, so every process counts together with Redis."""

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


TOO_MANY_WRITES = "Too many write requests. Please slow down."
WRITES = {
    "free": Limit("write", 60, sentence=TOO_MANY_WRITES),
    "premium": Limit("write", 120, sentence=TOO_MANY_WRITES),
}
AUTH = Limit("auth", 20)
BEARER_READS = Limit("read", 600)
# The contract sets no limit for people; this one only stops a page that has lost its mind.
SESSION_READS = Limit("session-read", 3000)
# Counted by the domain, which knows the last time; named here for the headers of a refusal.
REFRESH_ALL = Limit("refresh-all", 1)
HEARTBEAT = Limit("heartbeat", 60)
TEST_NOW = Limit("test-now", 6)
# Test messages of one workspace, whatever they travel by.
TESTS = (Limit("test-message", 5), Limit("test-message-day", 50, window_s=24 * 3600))
PUBLIC_PAGE = Limit("public-page", 120)


def spent(limit: Limit, error: RateLimitedError) -> TooManyCallsError:
    """A refusal of the domain's own counter, with the allowance for the headers."""
    return TooManyCallsError(error.message, Allowance(limit.most, 0, error.retry_after_s))


def count(limit: Limit, subject: str, *, now: datetime) -> Allowance | None:
    """Count one call; TooManyCallsError when the window is full, None when limits are switched off."""
    if not settings.RATE_LIMITS:
        return None
    window, elapsed_ms = divmod(epoch_ms(now), limit.window_s * 1000)
    reset_s = max(1, -(-(limit.window_s * 1000 - elapsed_ms) // 1000))
    key = f"dashmon-api:{limit.scope}:{subject}:{window}"
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


def count_tests(workspace_id: int, *, now: datetime) -> None:
    """Count one test message of a workspace: 5 a minute and 50 a day."""
    for limit in TESTS:
        count(limit, f"workspace:{workspace_id}", now=now)
