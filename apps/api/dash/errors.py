"""Refusals in Dash's words: the code is what its clients go by, the message is shown to people as it is."""

import logging

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, JsonResponse
from rest_framework.exceptions import APIException, MethodNotAllowed

from apps.common.errors import (
    AlreadyExistsError,
    ConflictError,
    DomainError,
    ForbiddenError,
    InvalidInputError,
    NotFoundError,
    PlanLimitError,
    RateLimitedError,
    UnsupportedError,
    WriteLockedError,
)

logger = logging.getLogger(__name__)

RETRY_AFTER_OUTAGE_S = 5
TOO_LARGE = "The body is larger than 1 MiB."
# What a refusal of the domain means here, by its kind; the first that fits.
STATUS: tuple[tuple[type[DomainError], int], ...] = (
    (InvalidInputError, 400),
    (PlanLimitError, 400),
    (ForbiddenError, 403),
    (WriteLockedError, 403),
    (NotFoundError, 404),
    (AlreadyExistsError, 409),
    (ConflictError, 409),
    (UnsupportedError, 409),
    (RateLimitedError, 429),
)
# Where the domain's own code is not one of Dash's.
SPELLED = {"validation_error": "invalid_request"}
JSON = "application/json; charset=utf-8"


class InvalidRequestError(InvalidInputError):
    """400 invalid_request: not JSON, or JSON of another type than the field's."""

    code = "invalid_request"


class InvalidMetricsError(InvalidInputError):
    """422 invalid_metrics: a report that is well formed and cannot be."""

    code = "invalid_metrics"


class InvalidStaticError(InvalidInputError):
    """422 invalid_static_payload: static facts that cannot be."""

    code = "invalid_static_payload"


class DashError(DomainError):
    """A refusal that only this surface knows, with its status."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(message, code=code)
        self.status = status


class UnauthorizedError(DashError):
    """401: the front end tries one renewal and then asks for the password."""

    def __init__(self, message: str = "Sign in first.") -> None:
        super().__init__("unauthorized", message, status=401)


def answer(error: DomainError) -> JsonResponse:
    """The error body with its status."""
    code = SPELLED.get(error.code, error.code)
    message = error.message or code.replace("_", " ")
    status = status_of(error)
    response = JsonResponse({"code": code, "message": message}, status=status, content_type=JSON)
    if isinstance(error, RateLimitedError):
        response["Retry-After"] = str(error.retry_after_s)
    elif status == 503:
        response["Retry-After"] = str(RETRY_AFTER_OUTAGE_S)
    response["Cache-Control"] = "no-store"
    return response


def status_of(error: DomainError) -> int:
    """The status of a refusal; 500 for what is no refusal of anybody's."""
    if isinstance(error, DashError):
        return error.status
    if isinstance(error, InvalidMetricsError | InvalidStaticError):
        return 422
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def understood(error: Exception) -> DomainError:
    """Any exception of a view as a refusal; what nobody foresaw is logged and becomes `internal_error`."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, MethodNotAllowed):
        return DashError("method_not_allowed", "This method is not answered here.", status=405)
    if isinstance(error, Http404):
        return NotFoundError("There is nothing here.")
    if isinstance(error, RequestDataTooBig):
        return DashError("body_too_large", TOO_LARGE, status=413)
    if isinstance(error, SuspiciousOperation | APIException):
        return InvalidRequestError("The request is not well-formed.")
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("database unavailable", exc_info=error)
        return DashError("service_unavailable", "The database is not available.", status=503)
    logger.error("unhandled error", exc_info=error)
    return DashError("internal_error", "Something went wrong on our side.", status=500)
