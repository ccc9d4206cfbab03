"""A chart of columns: the same numbers as an SVG from the server and as rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from apps.web.presenters import drawing
from apps.web.presenters.charts import Tick
from apps.web.presenters.drawing import HEIGHT, WIDTH

GAP = 0.2
LABELS = 5


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its place in the drawing, and its row in the table."""

    at: datetime
    x: float
    y: float
    width: float
    height: float
    text: str


@dataclass(frozen=True, slots=True)
class ColumnChart:
    """Columns oldest first; `rows` are those that are not zero, newest first, for the table."""

    columns: Sequence[Column]
    ticks: Sequence[Tick]
    times: Sequence[str]
    summary: str

    @property
    def rows(self) -> list[Column]:
        return [column for column in reversed(self.columns) if column.height]


def column_chart(
    values: Sequence[tuple[datetime, float]], *, texts: Sequence[str], unit: str, form: str, summary: str
) -> ColumnChart:
    """`values` oldest first, the words of each beside them; `form` is how a moment is written on the axis."""
    top = drawing.ceiling(max((value for _, value in values), default=0.0))
    step = WIDTH / max(1, len(values))
    columns = [
        Column(
            at,
            round(index * step + step * GAP / 2, 1),
            drawing.height_of(value, top),
            round(step * (1 - GAP), 1),
            round(HEIGHT * value / top, 1),
            text,
        )
        for index, ((at, value), text) in enumerate(zip(values, texts, strict=True))
    ]
    ticks = [Tick(_axis(top * part / 4, unit), HEIGHT - HEIGHT * part / 4) for part in range(5)]
    return ColumnChart(columns, ticks, _times([at for at, _ in values], form), summary)


def _axis(value: float, unit: str) -> str:
    return f"{value:g} {unit}".strip()


def _times(moments: Sequence[datetime], form: str) -> list[str]:
    if not moments:
        return []
    places = sorted({part * (len(moments) - 1) // (LABELS - 1) for part in range(LABELS)})
    return [f"{moments[place]:{form}}" for place in places]
