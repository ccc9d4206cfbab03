"""From the states of monitors to one word for a section and one for the page (contract Dashmon 10). Pure."""

from collections.abc import Sequence
from typing import Literal

Indicator = Literal["operational", "degraded", "partial_outage", "major_outage", "maintenance"]


def indicator(statuses: Sequence[str]) -> Indicator:
    """The page's word by its sections' statuses (up, warning, down, maintenance, partial_maintenance)."""
    if statuses and all(status == "down" for status in statuses):
        return "major_outage"
    if "down" in statuses:
        return "partial_outage"
    if "warning" in statuses:
        return "degraded"
    if any(status in {"maintenance", "partial_maintenance"} for status in statuses):
        return "maintenance"
    return "operational"


def percent2(fraction: tuple[int, int] | None) -> float | None:
    """A share as percent with two decimals, rounded half up; 100 only for the whole, None for nothing known."""
    if fraction is None:
        return None
    part, whole = fraction
    hundredths = (2 * part * 10_000 + whole) // (2 * whole)
    if hundredths == 10_000 and part != whole:
        hundredths = 9_999
    return hundredths / 100
