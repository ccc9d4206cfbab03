"""Five-field cron expressions in a time zone, with the clock changes of Debian cron (contract Dashmon 6.3)."""

from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, available_timezones

from cronsim import CronSim, CronSimError

from apps.common.errors import InvalidInputError

MAX_LENGTH = 100

# Any instant does to prove that a schedule fires at all: the search spans fifty years.
_PROOF = datetime(2024, 1, 1, tzinfo=UTC)


def validate(expression: str, zone: str) -> None:
    """Refuse an unknown zone, a malformed expression, and one that never fires (`0 0 30 2 *`).

    InvalidInputError names `schedule` or `timezone`, and says what is wrong.
    """
    if next_after(expression, zone, _PROOF) is None:
        raise InvalidInputError(fields={"schedule": "This schedule never fires."})


@lru_cache(maxsize=4096)
def next_after(expression: str, zone: str, after: datetime) -> datetime | None:
    """The first fire time strictly after an instant, in UTC; None when there is none within fifty years.

    A fixed-time job whose wall time is skipped runs right after the jump, a repeated wall time runs once
    (the first); jobs whose minute or hour field begins with `*` follow real time. InvalidInputError as
    `validate` raises it.
    """
    for at in _fire_times(expression, zone, after):
        # In a repeated hour the wall clock alone can lead back to an instant already passed.
        if at > after:
            return at
    return None


def known_zone(zone: str) -> bool:
    """Whether the name is an IANA time zone this installation knows."""
    return zone in _zones()


def _fire_times(expression: str, zone: str, after: datetime) -> Iterator[datetime]:
    if not known_zone(zone):
        raise InvalidInputError(fields={"timezone": "Not a known IANA time zone."})
    # Six fields would mean seconds to the library; Debian cron knows five.
    if len(expression) > MAX_LENGTH or len(expression.split()) != 5:
        raise InvalidInputError(fields={"schedule": "A cron expression has five fields."})
    try:
        simulation = CronSim(expression, after.astimezone(_wall_clock(zone)))
    except CronSimError as error:
        raise InvalidInputError(fields={"schedule": f"Not a cron expression: {error}."}) from error
    return (at.astimezone(UTC) for at in simulation)


def _wall_clock(zone: str) -> tzinfo:
    return UTC if zone == "UTC" else ZoneInfo(zone)


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    # Two names in the database mean no zone of the world.
    return frozenset(available_timezones() - {"localtime", "Factory"})
