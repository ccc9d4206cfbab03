"""Values, limits and whole rules in plain words, for incidents and for people who read their rules."""

from apps.alerts.columns import UNMEASURED, column_of

BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
PREFIX = {"bytes": "", "bytes_per_s": "/s"}
SUFFIX = {"celsius": " °C", "ms": " ms", "per_s": "/s", "count": "", "load": "", "code": ""}
MINUTE, HOUR, DAY = 60, 3600, 86_400


def label_of(kind: str, metric: str) -> str:
    """What a metric is called: `Disk use of sda`."""
    column = column_of(kind, metric)
    if column is None:
        return metric.removeprefix(UNMEASURED)
    part = metric[len(column.name) :].strip("[]")
    return f"{column.label} of {part}" if part else column.label


def spelled(kind: str, metric: str, value: float) -> str:
    """A value with its unit: `92.5 %`, `1.5 GiB`, `15 s`."""
    column = column_of(kind, metric)
    unit = column.unit if column is not None else "count"
    match unit:
        case "ratio":
            return f"{_short(value * 100)} %"
        case "bytes" | "bytes_per_s":
            return f"{_binary(value)}{PREFIX[unit]}"
        case "s" | "days":
            return lasting(value if unit == "s" else value * DAY)
        case "us":
            return f"{_short(value / 1000)} ms"
        case _:
            return f"{_short(value)}{SUFFIX[unit]}"


def cause_text(kind: str, metric: str, value: float | None, threshold: float | None) -> str:
    """`CPU use: 97 %, the limit is 90 %`: what a verdict found, in one line."""
    if value is None:
        return ""
    said = f"{label_of(kind, metric)}: {spelled(kind, metric, value)}"
    return said if threshold is None else f"{said}, the limit is {spelled(kind, metric, threshold)}"


def lasting(seconds: float) -> str:
    """`90 s`, `5 min`, `2 h`, `3 d`: a duration in the largest unit that says it exactly."""
    for size, unit in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min")):
        if abs(seconds) >= size and seconds % size == 0:
            return f"{_short(seconds / size)} {unit}"
    return f"{_short(seconds)} s"


def _binary(value: float) -> str:
    power = 0
    while abs(value) >= 1024 and power < len(BINARY) - 1:
        value, power = value / 1024, power + 1
    return f"{_short(value)} {BINARY[power]}"


def _short(value: float) -> str:
    """Three decimals at most, none that say nothing."""
    return f"{value:.3f}".rstrip("0").rstrip(".") if value % 1 else f"{value:.0f}"
