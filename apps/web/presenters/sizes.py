"""Amounts of data as people write them: memory and disks in powers of 1024, traffic and lines in powers of 1000."""

from collections.abc import Sequence

from apps.web.presenters import words

BINARY = ("B", "KiB", "MiB", "GiB", "TiB", "PiB")
DECIMAL = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
BITS = ("bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s")


def figures(value: float) -> str:
    """Three figures that matter: `9.66`, `96.6`, `966`."""
    if value >= 99.95 or value == int(value):
        return words.grouped(round(value))
    return f"{value:.1f}" if value >= 9.995 else f"{value:.2f}"


def capacity(amount: float | None) -> str:
    """Bytes of memory or of a disk: `31.3 GiB`."""
    return _in_units(amount, 1024, BINARY)


def volume(amount: float | None) -> str:
    """Bytes of traffic, as providers bill them: `1.24 TB`."""
    return _in_units(amount, 1000, DECIMAL)


def bits(rate: float | None) -> str:
    """Bytes a second as the speed of a line: `9.86 Mbit/s`."""
    return _in_units(None if rate is None else rate * 8, 1000, BITS)


def of_whole(used: float | None, total: float | None) -> str:
    """`9.00 of 31.3 GiB`, in the unit of the whole; what is not known is left out."""
    if used is None:
        return words.NOTHING
    if not total:
        return capacity(used)
    step = _step(total, 1024, BINARY)
    return f"{figures(used / 1024**step)} of {figures(total / 1024**step)} {BINARY[step]}"


def _in_units(amount: float | None, base: int, units: Sequence[str]) -> str:
    if amount is None:
        return words.NOTHING
    step = _step(amount, base, units)
    return f"{figures(amount / base**step)} {units[step]}"


def _step(amount: float, base: int, units: Sequence[str]) -> int:
    step = 0
    while amount >= base ** (step + 1) and step < len(units) - 1:
        step += 1
    return step
