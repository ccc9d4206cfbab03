"""Refusals the domain can utter; each surface renders them once, in its own shape."""

from collections.abc import Mapping
from typing import Any


class DomainError(Exception):
    """A refusal with a machine code, a sentence for people, and details for programs."""

    code = "internal_error"

    def __init__(
        self,
        message: str = "",
        *,
        code: str | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or self.code
        self.details = dict(details or {})


class InvalidInputError(DomainError):
    """Input that breaks a rule; `fields` maps a field's path to the sentence about it."""

    code = "validation_error"

    def __init__(self, message: str = "", *, fields: Mapping[str, str] | None = None) -> None:
        self.fields = dict(fields or {})
        sentence = message or next(iter(self.fields.values()), "The request is not valid.")
        super().__init__(sentence, details={"fields": self.fields})


class NotFoundError(DomainError):
    """Unknown, or not yours: nobody can tell which."""

    code = "not_found"


class ForbiddenError(DomainError):
    """The actor is known but its role or scope lacks the permission."""

    code = "forbidden"


class PremiumRequiredError(DomainError):
    code = "premium_required"


class WriteLockedError(DomainError):
    """The workspace is over its plan limits; reads go on, writes wait."""

    code = "write_locked"


class PlanLimitError(DomainError):
    """One more would exceed the plan."""

    code = "plan_limit_reached"


class AlreadyExistsError(DomainError):
    code = "already_exists"


class ConflictError(DomainError):
    code = "conflict"


class GoneError(DomainError):
    """A one-time thing that has been used, cancelled or has expired."""

    code = "invitation_expired"


class UnsupportedError(DomainError):
    """Well-formed, but impossible for this kind of thing."""

    code = "unsupported"


class RateLimitedError(DomainError):
    """Too many, too fast; `retry_after_s` says when to come back."""

    code = "rate_limited"

    def __init__(self, message: str, *, retry_after_s: int) -> None:
        super().__init__(message, details={"retryAfterSeconds": retry_after_s})
        self.retry_after_s = retry_after_s
