"""What is kept of a node's newest report besides its numbers."""

from datetime import UTC
from typing import Any

from apps.nodes.types import Report


def detail_of(report: Report) -> dict[str, Any]:
    """The detail of a report with its own clock, and the names of the documents that came with it."""
    came = sorted(report.sections)
    observed = {"observed_s": int(report.observed_at.timestamp()), "observed": stamp_of(report)}
    return {**report.detail, **observed, "came": came}


def stamp_of(report: Report) -> str:
    """The agent's own instant to the last digit that is kept: a report that comes again has the same."""
    return report.observed_at.astimezone(UTC).isoformat()
