"""Numbers and spans of time as the product writes them: a unit, a thin hand with decimals, a dash for nothing."""

from datetime import datetime

NOTHING = "—"
NARROW = "\u202f"  # thousands are grouped with a narrow no-break space
MINUTE, HOUR, DAY = 60, 3600, 86400


def grouped(number: int) -> str:
    """187204 as `187 204`."""
    return f"{number:,}".replace(",", NARROW)


def duration(seconds: float | None) -> str:
    """The two largest units that matter: `12 s`, `4 min`, `1 h 02 min`, `2 d 3 h`."""
    if seconds is None:
        return NOTHING
    whole = max(0, int(seconds))
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min"
    if whole < DAY:
        hours, minutes = divmod(whole // MINUTE, 60)
        return f"{hours} h {minutes:02d} min" if minutes else f"{hours} h"
    days, hours = divmod(whole // HOUR, 24)
    return f"{days} d {hours} h" if hours and days < 30 else f"{days} d"


def interval(seconds: int) -> str:
    """A setting rather than a span: `30 s`, `90 s`, `5 min`, `2 h`, without dropping a remainder."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def ago(at: datetime, now: datetime) -> str:
    """`12 s ago`; what lies ahead by a clock's difference is `just now`."""
    seconds = (now - at).total_seconds()
    return f"{duration(seconds)} ago" if seconds >= 1 else "just now"


def millis(us: float | None) -> str:
    """Microseconds as `0.4 ms`, `212 ms`, `1 840 ms` or, from ten seconds, `10.0 s`."""
    if us is None:
        return NOTHING
    if us < 1000:
        return f"{us / 1000:.1f} ms"
    if us < 10_000_000:
        return f"{grouped(round(us / 1000))} ms"
    return f"{us / 1_000_000:.1f} s"


def percent(value: float | None) -> str:
    """`99.931 %`, cut and not rounded, so that only a whole 100 says 100."""
    if value is None:
        return NOTHING
    if value >= 100:
        return "100 %"
    return f"{int(value * 1000 + 1e-6) / 1000:.3f} %"


def plural(count: int, one: str, many: str = "") -> str:
    """`1 monitor`, `12 monitors`."""
    return f"{grouped(count)} {one if count == 1 else many or one + 's'}"


def share(fraction: tuple[int, int] | None) -> str:
    """An exact fraction as `99.931 %`, cut after three decimals; `100 %` only for the whole."""
    if fraction is None:
        return NOTHING
    part, whole = fraction
    if part == whole:
        return "100 %"
    thousandths = part * 100_000 // whole
    return f"{thousandths // 1000}.{thousandths % 1000:03d} %"
