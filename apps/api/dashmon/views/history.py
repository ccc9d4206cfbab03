"""What the checks of a device found (contract Dashmon 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.pagination import instant
from apps.api.dashmon.schema import described, parameter, wrapped
from apps.api.dashmon.serializers.devices import HistoryRow
from apps.api.dashmon.serializers.history import bucket_rows, result_row
from apps.api.dashmon.views.base import ApiView
from apps.common.clock import epoch_ms
from apps.common.errors import InvalidInputError
from apps.metrics.selectors import results
from apps.workspaces.usage import limits_in_force

USUAL, MOST = 60, 500
RANGES = {"24h": timedelta(hours=24), "7d": timedelta(days=7), "30d": timedelta(days=30)}
STEPS = {"1m": 60, "1h": 3600, "1d": 86_400}
BAD_LIMIT = "limit must be a positive number"
BAD_RANGE = "range must be one of 24h,7d,30d"
BAD_RESOLUTION = "resolution must be one of raw,1m,1h,1d"


@dataclass(frozen=True, slots=True)
class Slice:
    """Which rows of the history were asked for."""

    limit: int
    start: datetime
    end: datetime
    step_s: int | None  # None: rows as they were stored


def _asked(query: Mapping[str, str], *, oldest: datetime, now: datetime) -> Slice:
    """The query string checked; `oldest` is how far back the plan lets anybody read."""
    window = query.get("range")
    if window and window not in RANGES:
        raise InvalidInputError(BAD_RANGE, fields={"range": BAD_RANGE})
    resolution = query.get("resolution") or "raw"
    if resolution != "raw" and resolution not in STEPS:
        raise InvalidInputError(BAD_RESOLUTION, fields={"resolution": BAD_RESOLUTION})
    end = instant(query, "to") or now
    start = instant(query, "from") or (end - RANGES[window] if window else oldest)
    if start >= end:
        raise InvalidInputError("from must be before to", fields={"from": "from must be before to"})
    return Slice(_limit(query.get("limit")), max(start, oldest), end, STEPS.get(resolution))


def _limit(text: str | None) -> int:
    """Default 60, at most 500; anything below 1 or no number is refused. A fraction counts as its whole part."""
    if text is None or text == "":
        return USUAL
    try:
        # Digits of other scripts and underscores are numbers to Python only.
        number = float(text) if text.isascii() and "_" not in text else 0.0
    except ValueError:
        number = 0.0
    # The comparison also refuses NaN.
    if not number >= 1:
        raise InvalidInputError(BAD_LIMIT, fields={"limit": BAD_LIMIT})
    return int(min(number, MOST))


class HistoryView(ApiView):
    """Rows oldest first; the newest `limit` of the window."""

    @described(
        "Results of a device",
        answer=wrapped("History", history=HistoryRow(many=True)),
        query=(
            parameter("limit", "Rows, 60 when absent; above 500 is cut to 500."),
            parameter("range", "The window that ends now.", enum=sorted(RANGES)),
            parameter("from", "Begin of the window, ISO 8601."),
            parameter("to", "End of the window, ISO 8601; now when absent."),
            parameter("resolution", "Rows as stored, or rolled up.", enum=["raw", *STEPS]),
        ),
        also={400: f"`{BAD_LIMIT}`, `{BAD_RANGE}`."},
    )
    def get(self, request: Request, device_id: str) -> Response:
        asked = _asked(request.GET, oldest=self._oldest(), now=self.now)
        device = self.device(device_id)
        if asked.step_s is not None:
            # Later than the bucket of now there is nothing to show, and the calendar may end there.
            end = min(asked.end, self.now + timedelta(milliseconds=1))
            rows = bucket_rows(device, start=asked.start, end=end, step_s=asked.step_s, newest=asked.limit)
            return Response({"history": rows})
        found = results(
            workspace_id=self.workspace.pk,
            ref=device.ref,
            start_ms=epoch_ms(asked.start),
            # The newest result may carry this very instant.
            end_ms=epoch_ms(asked.end) + 1,
            newest=asked.limit,
        )
        history: list[dict[str, Any]] = [result_row(row) for row in found]
        return Response({"history": history})

    def _oldest(self) -> datetime:
        days = limits_in_force(self.workspace, now=self.now)["historyDays"]
        return self.now - timedelta(days=days if days is not None else 3650)
