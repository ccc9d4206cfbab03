"""Small readings of /proc and /sys that are the same for every part of a report."""

from __future__ import annotations

from pathlib import Path

PROC, SYS = Path("/proc"), Path("/sys")


def text_of(path: Path) -> str:
    """A file's text, empty where there is none or it may not be read: machines differ in what they tell."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def number_of(path: Path) -> int | None:
    """A file that holds one whole number, or None."""
    text = text_of(path)
    return int(text) if text.lstrip("-").isdigit() else None


def table_of(path: Path) -> dict[str, str]:
    """`name: value` lines as a mapping, the first of each name."""
    found: dict[str, str] = {}
    for line in text_of(path).splitlines():
        name, colon, value = line.partition(":")
        if colon:
            found.setdefault(name.strip(), value.strip())
    return found


def memory_of() -> dict[str, int]:
    """/proc/meminfo in bytes."""
    table = table_of(PROC / "meminfo")
    return {name: int(value.split()[0]) * 1024 for name, value in table.items() if value.split()[0].isdigit()}


def share(part: float, whole: float) -> float:
    """A ratio between 0 and 1; 0 of nothing."""
    return min(1.0, max(0.0, part / whole)) if whole > 0 else 0.0


def rate(now: float, before: float | None, seconds: float) -> float:
    """How much a counter grew each second; 0 at first, and when it began anew."""
    if before is None or now < before or seconds <= 0:
        return 0.0
    return (now - before) / seconds
