"""One figure of a benchmark: measured, held against its goal, printed as a JSON line and as a row for people."""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


class MissingError(Exception):
    """What a figure needs is not on this machine; the text says how to get it."""


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `goal` is a bound that it must keep, from below (`at_least`) or from above (`at_most`).

    A `value` of None could not be measured: the context's `missing` says why, and the goal counts as missed.
    """

    bench: str
    value: float | None
    unit: str
    goal: float
    bound: Literal["at_least", "at_most"] = "at_most"
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        if self.value is None:
            return False
        return self.value >= self.goal if self.bound == "at_least" else self.value <= self.goal

    def line(self) -> str:
        """`{"bench": ..., "value": ..., "unit": ..., "goal": ..., "ok": ..., ...context}`."""
        own = {key: value for key, value in asdict(self).items() if key not in {"context", "bound"}}
        value = None if self.value is None else round(self.value, 4)
        return json.dumps({**own, "value": value, "ok": self.ok, **self.context})


def show(figure: Figure) -> None:
    """The JSON line on stdout, the row on stderr."""
    print(figure.line(), flush=True)
    sign = "<=" if figure.bound == "at_most" else ">="
    verdict = "ok" if figure.ok else "MISSED"
    value = f"{'-':>12}" if figure.value is None else f"{figure.value:>12.4f}"
    missing = f"  {figure.context['missing']}" if "missing" in figure.context else ""
    row = f"{figure.bench:<32} {value} {sign} {figure.goal:<10g} {verdict:<7} {figure.unit}{missing}"
    print(row, file=sys.stderr, flush=True)
