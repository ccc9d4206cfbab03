"""Reports as PDF."""

from apps.reports.presenters.pdf.document import report_pdf

__all__ = ["report_pdf"]
