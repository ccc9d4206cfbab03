"""The API's rate limits (contract 1.5), and what a refusal says in its headers."""

from apps.common.errors import RateLimitedError
from apps.common.limits import TOO_MANY, Allowance, Limit, TooManyCallsError, count

__all__ = ["TOO_MANY", "Allowance", "Limit", "TooManyCallsError", "count", "spent"]

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
PUBLIC_PAGE = Limit("public-page", 120)


def spent(limit: Limit, error: RateLimitedError) -> TooManyCallsError:
    """A refusal of the domain's own counter, with the allowance for the headers."""
    return TooManyCallsError(error.message, Allowance(limit.most, 0, error.retry_after_s))
