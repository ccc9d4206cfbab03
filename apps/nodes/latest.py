"""What is kept of a node's newest report besides its numbers."""

from typing import Any

from apps.nodes.types import Report


def detail_of(report: Report) -> dict[str, Any]:
    """The detail of a report with its own clock, and the names of the documents that came with it."""
    came = sorted(report.sections)
    return {**report.detail, "observed_s": int(report.observed_at.timestamp()), "came": came}
