"""Who is on call: overrides first, then the rotation, where it is staffed."""

from collections.abc import Collection
from datetime import datetime

from apps.notifications.routing.policy import Rotation
from apps.notifications.routing.wall import DAY, covers, instant


def on_call(rotation: Rotation, at: datetime, *, present: Collection[str] | None = None) -> str | None:
    """The member who is on call at an instant, or None (contract Dashmon 9.1).

    `present` are the members who still have a seat; None takes everybody for present. Where the one whose turn it
    is has left, the next of the rotation who is present stands in, so that a departure never silences an alarm.
    """
    current = [override for override in rotation.overrides if override.start <= at < override.end]
    # The one that starts last wins, then the later in the list.
    for override in sorted(current, key=lambda override: override.start, reverse=True):
        chosen = [other for other in current if other.start == override.start][-1]
        if _is_present(chosen.member, present):
            return chosen.member
    return _rotating(rotation, at, present)


def shift_at(rotation: Rotation, at: datetime) -> int | None:
    """The number of the shift that holds an instant, from 0; None before the first."""
    days = (at.astimezone(rotation.zone).date() - rotation.starts_on).days
    number = days // rotation.shift_days
    if at < shift_start(rotation, number):
        number -= 1
    return number if number >= 0 else None


def shift_start(rotation: Rotation, number: int) -> datetime:
    """When shift `number` takes over."""
    return instant(rotation.starts_on + number * rotation.shift_days * DAY, rotation.handoff, rotation.zone)


def _rotating(rotation: Rotation, at: datetime, present: Collection[str] | None) -> str | None:
    number = shift_at(rotation, at) if rotation.members else None
    if number is None or not _is_staffed(rotation, at):
        return None
    count = len(rotation.members)
    turns = (rotation.members[(number + offset) % count] for offset in range(count))
    return next((member for member in turns if _is_present(member, present)), None)


def _is_staffed(rotation: Rotation, at: datetime) -> bool:
    return rotation.coverage is None or covers(rotation.coverage, rotation.zone, at)


def _is_present(member: str, present: Collection[str] | None) -> bool:
    return present is None or member in present
