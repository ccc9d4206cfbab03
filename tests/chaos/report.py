"""Stored rows against arithmetic and against what the targets saw."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

UNKNOWN, DOWN = 0, 3


@dataclass
class Report:
    """Slots of all monitors in one stretch of time."""

    due: int = 0
    measured: int = 0
    not_measured: int = 0
    doubled: list[tuple[str, int]] = field(default_factory=list)
    lost: list[tuple[str, int]] = field(default_factory=list)
    invented: list[tuple[str, int]] = field(default_factory=list)
    untrue: list[tuple[str, int]] = field(default_factory=list)  # "down" of a target that answers whenever asked
    unasked: list[str] = field(default_factory=list)  # more measured rows than the target saw requests
    requests: int = 0
    lags_ms: list[int] = field(default_factory=list)

    def lag(self, share: float) -> float:
        """The lag in seconds that this share of the checks stays below."""
        ordered = sorted(self.lags_ms)
        return ordered[min(len(ordered) - 1, int(share * len(ordered)))] / 1000 if ordered else 0.0

    def table(self, title: str) -> str:
        cells = {
            "due": self.due,
            "stored": self.measured,
            "not measured": self.not_measured,
            "doubled": len(self.doubled),
            "lost": len(self.lost),
            "never due": len(self.invented),
            "untrue": len(self.untrue),
            "requests": self.requests,
            "lag p50": f"{self.lag(0.5):.2f} s",
            "p99": f"{self.lag(0.99):.2f} s",
            "max": f"{self.lag(1):.2f} s",
        }
        widths = [max(len(name), len(str(value))) for name, value in cells.items()]
        rows = (cells.keys(), cells.values())
        lines = ["  ".join(str(cell).rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
        return "\n".join([f"\n{title}", *lines])


def due_slots(monitor: dict[str, Any], start_ms: int, end_ms: int) -> range:
    """Every slot in [start, end): the arithmetic truth."""
    interval, phase = monitor["interval_ms"], monitor["phase_ms"]
    first = start_ms + (phase - start_ms) % interval
    return range(first, end_ms, interval)


def told_slots(monitor: dict[str, Any], start_ms: int, end_ms: int) -> list[tuple[int, int]]:
    """Every slot in [start, end) that history speaks of, with its state; a row may stand for many missed ones."""
    told = []
    for ts, state, missed, every in monitor["rows"]:
        instants = range(ts, ts + missed * every, every) if missed else [ts]
        told += [(instant, state) for instant in instants if start_ms <= instant < end_ms]
    return told


def compare(
    told: dict[str, Any], seen: dict[str, list[int]], span: tuple[int, int], *, silent: list[tuple[int, int]]
) -> Report:
    """Judge all monitors over a span; `silent` are the stretches in which nobody answered, with room for time-outs."""
    report = Report()
    for name, monitor in told["monitors"].items():
        rows = told_slots(monitor, *span)
        _count(report, name, due_slots(monitor, *span), Counter(slot for slot, _ in rows))
        report.measured += sum(state != UNKNOWN for _, state in rows)
        report.not_measured += sum(state == UNKNOWN for _, state in rows)
        if not monitor["hole"]:
            report.untrue += [(name, slot) for slot, state in rows if state == DOWN and not _within(slot, silent)]
        measured = [slot for slot, state in rows if state != UNKNOWN]
        asked = seen.get(name, [])
        report.requests += len(asked)
        report.unasked += [name] if len(measured) > len(asked) else []
        report.lags_ms += _lags(measured, asked, monitor["interval_ms"])
    return report


def _count(report: Report, name: str, due: range, told: Counter[int]) -> None:
    report.due += len(due)
    report.doubled += [(name, slot) for slot, count in told.items() if count > 1]
    report.lost += [(name, slot) for slot in due if slot not in told]
    report.invented += [(name, slot) for slot in told if slot not in due]


def _within(slot: int, stretches: list[tuple[int, int]]) -> bool:
    return any(start <= slot < end for start, end in stretches)


def _lags(slots: list[int], asked: list[int], interval_ms: int) -> list[int]:
    """From each measured slot to the first request after it; what came later than the next slot is not this one's."""
    lags, requests = [], sorted(asked)
    for slot in sorted(slots):
        after = next((instant for instant in requests if slot <= instant < slot + interval_ms), None)
        if after is not None:
            lags.append(after - slot)
    return lags
