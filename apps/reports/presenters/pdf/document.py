"""The pages of a PDF report: summary, agreement, days, a table per project. The same report gives the same bytes."""

import io
from collections.abc import Sequence
from typing import Any

from reportlab.lib import colors
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, LongTable, Paragraph, SimpleDocTemplate, Spacer, Table, TableStyle

from apps.reports.presenters import spelling
from apps.reports.presenters.pdf.fonts import Typeface, marked_up, typeface
from apps.reports.presenters.pdf.plot import downtime_by_day
from apps.reports.types import Figures, MonitorLine, ProjectLine, Report

MARGIN = 16 * mm
INK, MUTED, LINE = colors.HexColor("#171a1f"), colors.HexColor("#59616e"), colors.HexColor("#d9dce1")
BAD = colors.HexColor("#c2222d")
HEADING = ("Monitor", "Uptime", "By checks", "Down", "Incidents", "p95", "SLA", "Budget left")
# Together as wide as a page between its margins and the frame's own padding.
WIDTHS = [each * mm for each in (37, 18, 18, 20, 16, 15, 18, 31.7)]
SUMMARY_WIDTHS = [each * mm for each in (48, 38, 46, 41.7)]
RULE = (
    "Uptime is time up of the time measured; warning counts as up, maintenance and time nobody measured count as "
    "neither. Shares are cut, never rounded up. Response times are within 1 %."
)


def report_pdf(report: Report) -> bytes:
    """The whole report; A4, one column, readable in any script the fonts know."""
    face = typeface()
    styles = _styles(face)
    story: list[Flowable] = [
        Paragraph("Uptime report", styles["title"]),
        Paragraph(marked_up(report.workspace, face), styles["heading"]),
        Paragraph(marked_up(_subtitle(report), face), styles["muted"]),
        Spacer(1, 5 * mm),
        _summary(report, face),
        Spacer(1, 5 * mm),
        Paragraph("Time down by day, UTC", styles["label"]),
        downtime_by_day(report.days, width=A4[0] - 2 * MARGIN - 12, font=face.regular),
    ]
    for project in report.projects:
        story += _project(project, report.target, face, styles)
    story += [Spacer(1, 6 * mm), Paragraph(RULE, styles["muted"])]
    return _built(story, report, face)


def _built(story: list[Flowable], report: Report, face: Typeface) -> bytes:
    target = io.BytesIO()
    document = SimpleDocTemplate(
        target,
        pagesize=A4,
        leftMargin=MARGIN,
        rightMargin=MARGIN,
        topMargin=MARGIN,
        bottomMargin=MARGIN,
        title=f"Uptime report, {report.workspace}",
        author="Dashmon",
        # No clock and no random identity of its own: a repeat attaches the very same file.
        invariant=1,
    )

    def foot(canvas: Canvas, _: Any) -> None:
        canvas.setFont(face.regular, 8)
        canvas.setFillColor(MUTED)
        canvas.drawString(MARGIN, 9 * mm, "Dashmon")
        canvas.drawRightString(A4[0] - MARGIN, 9 * mm, f"Page {canvas.getPageNumber()}")

    document.build(story, onFirstPage=foot, onLaterPages=foot)
    return target.getvalue()


def _subtitle(report: Report) -> str:
    zone = report.period.zone
    made = f"{report.generated_at.astimezone(zone):%-d %B %Y, %H:%M}"
    return f"{spelling.period_words(report.period)} · times in {zone.key} · made {made}"


def _styles(face: Typeface) -> dict[str, ParagraphStyle]:
    base = ParagraphStyle("base", fontName=face.regular, fontSize=9, leading=12, textColor=INK, splitLongWords=1)
    return {
        "base": base,
        "title": ParagraphStyle("title", base, fontName=face.bold, fontSize=18, leading=24),
        "heading": ParagraphStyle("heading", base, fontSize=12, leading=17),
        "label": ParagraphStyle("label", base, textColor=MUTED, fontSize=8, leading=11),
        "muted": ParagraphStyle("muted", base, textColor=MUTED, fontSize=8, leading=11),
    }


def _facts(report: Report) -> list[tuple[str, str]]:
    figures, verdict = report.figures, report.figures.against(report.target)
    met, measured = report.judged
    return [
        ("Uptime by time", spelling.share(figures.times.fraction)),
        ("Uptime by checks", spelling.share(figures.sampled)),
        ("Availability", spelling.share(figures.availability)),
        ("Time down", spelling.span(figures.times.down_ms)),
        ("In maintenance", spelling.span(figures.times.maintenance_ms)),
        ("Not measured", spelling.span(figures.times.unknown_ms)),
        ("Incidents", str(figures.incidents)),
        ("Mean time to recover", spelling.span(figures.mttr_ms)),
        ("Mean time between failures", spelling.span(figures.mtbf_ms)),
        ("Response p50, p95, p99", ", ".join(spelling.millis(figures.percentile_us(each)) for each in (50, 95, 99))),
        (f"SLA of {spelling.target(report.target)}", f"{met} of {measured} monitors met it"),
        ("Error budget left", spelling.budget_left(verdict)),
    ]


def _summary(report: Report, face: Typeface) -> Table:
    """Two facts a row, each with its label."""
    facts = _facts(report)
    rows = [[cell for fact in facts[at : at + 2] for cell in fact] for at in range(0, len(facts), 2)]
    table = Table(rows, colWidths=SUMMARY_WIDTHS, hAlign="LEFT")
    labels = [("TEXTCOLOR", (column, 0), (column, -1), MUTED) for column in (0, 2)]
    values = [("TEXTCOLOR", (column, 0), (column, -1), INK) for column in (1, 3)]
    table.setStyle(
        TableStyle(
            [
                ("FONT", (0, 0), (-1, -1), face.regular, 9),
                ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
                ("LEFTPADDING", (0, 0), (-1, -1), 0),
                *labels,
                *values,
            ]
        )
    )
    return table


def _project(
    project: ProjectLine, target: int, face: Typeface, styles: dict[str, ParagraphStyle]
) -> Sequence[Flowable]:
    heading: list[Flowable] = [
        Spacer(1, 6 * mm),
        Paragraph(marked_up(project.name, face), styles["heading"]),
        Spacer(1, 1.5 * mm),
    ]
    if not project.monitors:
        return [*heading, Paragraph("No monitor.", styles["muted"])]
    rows: list[list[Any]] = [list(HEADING)]
    rows += [_row(line, target, face, styles["base"]) for line in project.monitors]
    rows.append(["All", *_cells(project.figures, target)])
    table = LongTable(rows, colWidths=WIDTHS, repeatRows=1, hAlign="LEFT")
    missed = [
        ("TEXTCOLOR", (6, at), (6, at), BAD)
        for at, line in enumerate(project.monitors, 1)
        if line.figures.against(target).met is False
    ]
    table.setStyle(TableStyle([*_table_rules(face), *missed]))
    return [*heading, table]


def _table_rules(face: Typeface) -> list[tuple[Any, ...]]:
    return [
        ("FONT", (0, 0), (-1, -1), face.regular, 8),
        ("FONT", (0, -1), (-1, -1), face.bold, 8),
        ("TEXTCOLOR", (0, 0), (-1, 0), MUTED),
        ("TEXTCOLOR", (0, 1), (-1, -1), INK),
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("ALIGN", (1, 0), (5, -1), "RIGHT"),
        ("VALIGN", (0, 0), (-1, -1), "TOP"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
        ("RIGHTPADDING", (-1, 0), (-1, -1), 0),
    ]


def _row(line: MonitorLine, target: int, face: Typeface, style: ParagraphStyle) -> list[Any]:
    return [Paragraph(marked_up(line.name, face), style), *_cells(line.figures, target)]


def _cells(figures: Figures, target: int) -> list[str]:
    verdict = figures.against(target)
    return [
        spelling.share(figures.times.fraction),
        spelling.share(figures.sampled),
        spelling.span(figures.times.down_ms),
        str(figures.incidents),
        spelling.millis(figures.percentile_us(95)),
        spelling.verdict_word(verdict),
        spelling.budget_left(verdict),
    ]
