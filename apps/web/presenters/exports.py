"""Results as lines of a CSV file (RFC 4180)."""

import csv
from collections.abc import Iterator, Sequence

from apps.common.clock import from_epoch_ms, iso_ms
from apps.metrics.types import ResultRow

DURATIONS = ("latency", "dns", "connect", "tls", "ttfb", "total")
HEADING = ("time", "state", *(f"{name}_ms" for name in DURATIONS), "status_code", "in_maintenance", "message")
# A spreadsheet takes a cell that begins like this for a formula and runs it.
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class Echo:
    """Where the writer writes: the line is handed straight on."""

    def write(self, line: str) -> str:
        return line


def csv_lines(results: Sequence[ResultRow]) -> Iterator[str]:
    """The heading, then one line per result, newest first; what was not measured is empty."""
    writer = csv.writer(Echo())
    yield writer.writerow(HEADING)
    for result in reversed(results):
        yield writer.writerow(_cells(result))


def _cells(result: ResultRow) -> list[str]:
    durations = [getattr(result, f"{name}_us") for name in DURATIONS]
    message = result.detail.get("message") or result.detail.get("reason") or ""
    return [
        iso_ms(from_epoch_ms(result.ts_ms)),
        result.state,
        *("" if us is None else f"{us / 1000:g}" for us in durations),
        "" if result.status_code is None else str(result.status_code),
        "yes" if result.in_maintenance else "no",
        _plain(str(message)),
    ]


def _plain(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text
