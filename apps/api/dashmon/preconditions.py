"""Conditional writes: `If-Unmodified-Since` keeps two editors from overwriting each other (contract 16)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.http import parse_http_date_safe
from rest_framework.request import Request

from apps.common.clock import parse_iso
from apps.common.errors import ConflictError


def ensure_unmodified(request: Request, rows: QuerySet[Any], key: int) -> None:
    """ConflictError when the row is newer than the header says; holds the row until the transaction ends.

    An HTTP date knows whole seconds only and is compared so; `updated_at` as the API spells it is taken exactly.
    A header that is no date is ignored (RFC 9110, 13.1.4).
    """
    known = _known(request.headers.get("If-Unmodified-Since", "").strip())
    if known is None:
        return
    since, grain = known
    updated: datetime = rows.select_for_update().values_list("updated_at", flat=True).get(pk=key)
    if updated - since >= grain:
        raise ConflictError("Somebody changed this after you read it. Read it again.")


def _known(text: str) -> tuple[datetime, timedelta] | None:
    """The instant, and what difference still counts as the same instant."""
    seconds = parse_http_date_safe(text)
    if seconds is not None:
        return datetime.fromtimestamp(seconds, UTC), timedelta(seconds=1)
    try:
        return parse_iso(text), timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None
