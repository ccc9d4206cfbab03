"""Refusals as contract Dashmon 1.3 spells them: one place turns any of them into a body and a status."""

import logging
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework.exceptions import APIException, MethodNotAllowed

from apps.common.errors import DomainError, RateLimitedError

logger = logging.getLogger(__name__)

STATUS: dict[str, int] = {
    "validation_error": 400,
    "plan_limit_reached": 400,
    "already_exists": 400,
    "unauthenticated": 401,
    "invalid_credentials": 401,
    "invalid_token": 401,
    "token_expired": 401,
    "token_revoked": 401,
    "mfa_required": 401,
    "status_token_required": 401,
    "premium_required": 403,
    "forbidden": 403,
    "write_locked": 403,
    "token_read_only": 403,
    "session_required": 403,
    "csrf_failed": 403,
    "signup_closed": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "invitation_expired": 410,
    "payload_too_large": 413,
    "unsupported": 422,
    "rate_limited": 429,
    "internal_error": 500,
    "sms_failed": 502,
    "db_unavailable": 503,
}
# Where existing clients show `error` to people it is the sentence; everywhere else it is the code.
SENTENCES = frozenset(
    {"validation_error", "plan_limit_reached", "already_exists", "not_found", "rate_limited", "invalid_credentials"}
)
RETRY_AFTER_OUTAGE_S = 5
TOO_LARGE = "The body is larger than 256 KiB."


class ApiError(DomainError):
    """A refusal that only this surface knows: credentials, methods, bodies."""

    def __init__(self, code: str, message: str, *, details: dict[str, Any] | None = None) -> None:
        super().__init__(message, code=code, details=details)


def answer(request: HttpRequest, error: DomainError, *, speak: bool = False) -> JsonResponse:
    """The error body with its status; `speak` puts the sentence into `error` for every code."""
    status = STATUS.get(error.code, 500)
    message = error.message or error.code.replace("_", " ")
    body: dict[str, Any] = {
        "error": message if speak or error.code in SENTENCES else error.code,
        "code": error.code,
        "message": message,
        "requestId": request.META.get("dashmon.request_id", ""),
        "details": error.details,
    }
    response = JsonResponse(body, status=status)
    if isinstance(error, RateLimitedError):
        body["retryAfterSeconds"] = error.retry_after_s
        response = JsonResponse(body, status=status)
        response["Retry-After"] = str(error.retry_after_s)
    elif status == 503:
        response["Retry-After"] = str(RETRY_AFTER_OUTAGE_S)
    return response


def understood(error: Exception) -> DomainError:
    """Any exception of a view as a refusal; what nobody foresaw is logged and becomes `internal_error`."""
    if isinstance(error, DomainError):
        return error
    if isinstance(error, MethodNotAllowed):
        return ApiError("method_not_allowed", "Method not allowed")
    if isinstance(error, Http404):
        return ApiError("not_found", "Not found")
    if isinstance(error, RequestDataTooBig):
        # A body in chunks names no length beforehand, so the framework's own limit meets it first.
        return ApiError("payload_too_large", TOO_LARGE)
    if isinstance(error, SuspiciousOperation):
        return ApiError("validation_error", "The request is not well-formed.", details={"fields": {}})
    if isinstance(error, APIException) and error.status_code == 400:
        return ApiError("validation_error", str(error.detail))
    if isinstance(error, OperationalError | InterfaceError):
        logger.error("database unavailable", exc_info=error)
        return ApiError("db_unavailable", "The database is not available.")
    logger.error("unhandled error", exc_info=error)
    return ApiError("internal_error", "Something went wrong on our side.")
