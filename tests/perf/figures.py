"""One figure of a benchmark: measured, held against its goal, printed as a JSON line and as a row for people."""

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Figure:
    """`value` in `unit`; `goal` is a bound that it must keep, from below (`at_least`) or from above (`at_most`)."""

    bench: str
    value: float
    unit: str
    goal: float
    bound: Literal["at_least", "at_most"] = "at_most"
    context: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        return self.value >= self.goal if self.bound == "at_least" else self.value <= self.goal

    def line(self) -> str:
        """`{"bench": ..., "value": ..., "unit": ..., "goal": ..., "ok": ..., ...context}`."""
        own = {key: value for key, value in asdict(self).items() if key not in {"context", "bound"}}
        return json.dumps({**own, "value": round(self.value, 4), "ok": self.ok, **self.context})


def show(figure: Figure) -> None:
    """The JSON line on stdout, the row on stderr."""
    print(figure.line(), flush=True)
    sign = "<=" if figure.bound == "at_most" else ">="
    verdict = "ok" if figure.ok else "MISSED"
    row = f"{figure.bench:<32} {figure.value:>12.4f} {sign} {figure.goal:<10g} {verdict:<7} {figure.unit}"
    print(row, file=sys.stderr, flush=True)
