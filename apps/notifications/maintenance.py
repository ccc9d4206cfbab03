"""Maintenance windows, as far as notices have to wait for their end."""

from collections.abc import Sequence
from datetime import UTC, datetime

from apps.projects.models import MaintenanceWindow

FOREVER = datetime.max.replace(tzinfo=UTC)


def held_until(windows: Sequence[MaintenanceWindow], at: datetime) -> datetime | None:
    """The end of the windows that cover an instant and of those that join them; None outside of any.

    FOREVER while a window has no end. Both ends of a window are inside (contract Dashmon 8).
    """
    until = _end_of_cover(windows, at)
    while until is not None and until < FOREVER:
        later = _end_of_cover(windows, until)
        if later is None or later <= until:
            break
        until = later
    return until


def _end_of_cover(windows: Sequence[MaintenanceWindow], at: datetime) -> datetime | None:
    return max((window.ends_at or FOREVER for window in windows if window.covers(at)), default=None)
