"""A report as an e-mail: a summary in words, the table in HTML, and the file people asked for."""

import base64
from typing import Any

from django.template.loader import render_to_string
from django.utils.text import slugify

from apps.notifications.links import base_url
from apps.reports.models import ReportSchedule
from apps.reports.presenters import spelling
from apps.reports.presenters.pdf import report_pdf
from apps.reports.presenters.sheet import long_csv
from apps.reports.types import Figures, Report

RHYTHMS = {"daily": "every day", "weekly": "every week", "monthly": "every month"}


def mail_of(schedule: ReportSchedule, report: Report) -> dict[str, Any]:
    """The payload of `queue_message`: subject, text, HTML and the attachment of the schedule's format."""
    words = spelling.period_words(report.period)
    context = _context(schedule, report, words)
    mail: dict[str, Any] = {
        # A header is one line, whatever people call their reports.
        "subject": " ".join(f"{schedule.name}: {words}".split()),
        "text": render_to_string("email/report.txt", context),
        "html": render_to_string("email/report.html", context),
        "headers": {"List-Id": f"{slugify(schedule.name) or 'report'} <{schedule.wire_id.replace('_', '-')}.reports>"},
    }
    attachment = _attachment(schedule, report)
    return mail if attachment is None else mail | {"attachments": [attachment]}


def _attachment(schedule: ReportSchedule, report: Report) -> dict[str, str] | None:
    stem = f"{slugify(schedule.name) or 'report'}-{report.period.first_day}"
    if schedule.format == ReportSchedule.Format.PDF:
        return _file(f"{stem}.pdf", "application/pdf", report_pdf(report))
    if schedule.format == ReportSchedule.Format.CSV:
        return _file(f"{stem}.csv", "text/csv", long_csv(report).encode())
    return None


def _file(name: str, kind: str, content: bytes) -> dict[str, str]:
    return {"name": name, "type": kind, "base64": base64.b64encode(content).decode()}


def _context(schedule: ReportSchedule, report: Report, words: str) -> dict[str, Any]:
    met, measured = report.judged
    detailed = schedule.format == ReportSchedule.Format.HTML
    return {
        "name": schedule.name,
        "period": words,
        "zone": report.period.zone.key,
        "workspace": report.workspace,
        "target": spelling.target(report.target),
        "met": met,
        "measured": measured,
        "all": _line("All monitors", report.figures, report.target),
        "projects": [
            {
                "line": _line(project.name, project.figures, report.target),
                "monitors": [_line(line.name, line.figures, report.target) for line in project.monitors if detailed],
            }
            for project in report.projects
        ],
        "rhythm": RHYTHMS[schedule.frequency],
        "manage_url": f"{base_url()}/app/w/{schedule.workspace.slug}/reports/schedules/",
        "reports_url": f"{base_url()}/app/w/{schedule.workspace.slug}/reports/",
    }


def _line(name: str, figures: Figures, target: int) -> dict[str, str]:
    verdict = figures.against(target)
    return {
        "name": name,
        "uptime": spelling.share(figures.times.fraction),
        "down": spelling.span(figures.times.down_ms),
        "incidents": str(figures.incidents),
        "p95": spelling.millis(figures.percentile_us(95)),
        "sla": spelling.verdict_word(verdict),
        "left": spelling.budget_left(verdict),
    }
