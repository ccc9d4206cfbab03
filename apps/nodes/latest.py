"""What is kept of a node's newest report besides its numbers."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from apps.nodes.types import Report

# Whoever repeats a report does so within an agent's patience: ten seconds, in which a few others may have come.
REMEMBERED = 4


def detail_of(report: Report, *, before: Sequence[str] = ()) -> dict[str, Any]:
    """The detail of a report with its own clock, the stamps of those before it, and what documents came with it."""
    came = sorted(report.sections)
    observed = {"observed_s": int(report.observed_at.timestamp()), "observed": stamp_of(report), "before": [*before]}
    return {**report.detail, **observed, "came": came}


def stamps_in(detail: Mapping[str, Any]) -> tuple[str, ...]:
    """The stamps of the newest report and of those that came before it, oldest first."""
    return (*detail.get("before", ()), str(detail.get("observed")))


def stamp_of(report: Report) -> str:
    """The agent's own instant, to the last digit that is kept, and what it said: the same when a report comes again.

    The instant alone would not do: an agent's clock may stand still, or tell whole seconds only.
    """
    return _stamp(report.observed_at, report.checksum)


@lru_cache(maxsize=1024)
def _stamp(at: datetime, checksum: int) -> str:
    # Asked for more than once for each report.
    return f"{at.astimezone(UTC).isoformat()} {checksum:08x}"
