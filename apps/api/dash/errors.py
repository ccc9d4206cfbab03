"""Refusals in Dash's words: the code is what its clients go by."""

from apps.common.errors import InvalidInputError


class InvalidRequestError(InvalidInputError):
    """400 invalid_request: not JSON, or JSON of another type than the field's."""

    code = "invalid_request"


class InvalidMetricsError(InvalidInputError):
    """422 invalid_metrics: a report that is well formed and cannot be."""

    code = "invalid_metrics"


class InvalidStaticError(InvalidInputError):
    """422 invalid_static_payload: static facts that cannot be."""

    code = "invalid_static_payload"
