"""Instants as the product spells them. Only edges read the clock; everything else is handed `now`."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


def epoch_ms(at: datetime) -> int:
    """Whole milliseconds since 1970, rounded down."""
    # Integer arithmetic: a float of seconds loses the last millisecond for some instants.
    return (at - EPOCH) // MILLISECOND


def from_epoch_ms(ms: int) -> datetime:
    """The UTC instant `ms` milliseconds after 1970."""
    return EPOCH + timedelta(milliseconds=ms)


def iso_ms(at: datetime) -> str:
    """ISO 8601 in UTC with exactly three decimals and a Z: `2026-02-16T11:23:00.000Z`."""
    # Not strftime: it writes the year 800 with three digits.
    return at.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def iso_s(at: datetime) -> str:
    """ISO 8601 in UTC, whole seconds and a Z: `2026-02-16T11:23:00Z`."""
    return at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def parse_iso(text: str) -> datetime:
    """An ISO 8601 instant with a zone; ValueError when it is not one."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("a time needs its zone")
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a time outside the calendar") from error
