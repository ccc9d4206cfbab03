"""The one drawing of a PDF report: a bar a day."""

from collections.abc import Mapping

from reportlab.graphics.shapes import Drawing, Line, Rect, String
from reportlab.lib import colors

from apps.common.clock import from_epoch_ms
from apps.metrics.uptime import StateTimes
from apps.reports.presenters.spelling import span

HEIGHT, FOOT, HEAD = 70.0, 14.0, 12.0
DOWN, QUIET, INK = colors.HexColor("#c2222d"), colors.HexColor("#d9dce1"), colors.HexColor("#59616e")
WIDEST = 24.0


def downtime_by_day(days: Mapping[int, StateTimes], *, width: float, font: str) -> Drawing:
    """Time down of all monitors together; a day without any is a line on the ground."""
    drawing = Drawing(width, HEIGHT + FOOT + HEAD)
    drawing.add(Line(0, FOOT, width, FOOT, strokeColor=QUIET, strokeWidth=0.6))
    if not days:
        return drawing
    worst = max(times.down_ms for times in days.values())
    step = min(WIDEST, width / len(days))
    for index, (_, times) in enumerate(sorted(days.items())):
        height = HEIGHT * times.down_ms / worst if worst else 0.0
        colour = DOWN if height else QUIET
        bar = Rect(index * step, FOOT, max(0.5, step - 1.5), max(height, 0.8), fillColor=colour, strokeColor=None)
        drawing.add(bar)
    top = f"worst day: {span(worst)}" if worst else "nothing was down"
    drawing.add(String(0, HEIGHT + FOOT + 3, top, fontName=font, fontSize=8, fillColor=INK))
    for place, day in _labels(sorted(days), step):
        drawing.add(String(place, 3, f"{from_epoch_ms(day):%-d %b}", fontName=font, fontSize=8, fillColor=INK))
    return drawing


def _labels(days: list[int], step: float) -> list[tuple[float, int]]:
    """Places and days of a few words along the ground, far enough from each other."""
    every = max(1, round(60 / step), len(days) // 8)
    return [(index * step, day) for index, day in enumerate(days) if index % every == 0]
