"""Flap control: a device that changes too often is announced once, then not until it has settled (contract 9.1)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from apps.devices.types import FlapMark

MOST_FLIPS = 6
WITHIN = timedelta(minutes=60)
CALM = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Flaps:
    """The newest changes of a device, oldest first and no more than count, and since when it has been flapping."""

    at: tuple[datetime, ...] = ()
    since: datetime | None = None

    @property
    def settles_at(self) -> datetime | None:
        """When half an hour without a change will have passed; None while it does not flap."""
        return self.at[-1] + CALM if self.since is not None and self.at else None


def count(flaps: Flaps, at: datetime) -> tuple[Flaps, FlapMark]:
    """Count one change. More than six within 60 minutes begin a flapping that lasts until `settle` ends it."""
    newest = (*flaps.at, at)[-(MOST_FLIPS + 1) :]
    counted = replace(flaps, at=newest)
    if flaps.since is not None:
        return counted, "on"
    if len(newest) > MOST_FLIPS and newest[-1] - newest[0] <= WITHIN:
        return replace(counted, since=at), "began"
    return counted, ""


def settle(flaps: Flaps, now: datetime) -> tuple[Flaps, datetime | None]:
    """End a flapping whose half hour is over; the instant at which it ended, None when there is nothing to end."""
    end = flaps.settles_at
    if end is None or now < end:
        return flaps, None
    return Flaps(), end
