"""What templates need besides HTML: icons, shapes, small components and the product's way of writing numbers."""

from datetime import datetime
from functools import lru_cache
from typing import Any

import lucide
from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.web.presenters import words
from apps.web.presenters.bars import Bar
from apps.web.presenters.sparklines import Spark
from apps.web.presenters.status import StatusView

register = template.Library()


@register.simple_tag
def icon(name: str) -> SafeString:
    """A line icon that says nothing by itself; the word beside it does."""
    return _drawing(str(name))


@lru_cache(maxsize=64)
def _drawing(name: str) -> SafeString:
    attributes = {"class": "icon", "aria-hidden": "true"}
    drawing = lucide._render_icon(name, 16, **attributes)  # noqa: SLF001  # what the wheel's own tag calls
    return mark_safe(" ".join(drawing.split()))  # noqa: S308  # names come from our own templates


@register.simple_tag
def shape(state: str) -> SafeString:
    """The shape of a state; always beside its word."""
    return format_html('<svg class="shape shape--{0}" aria-hidden="true"><use href="#shape-{0}"/></svg>', state)


@register.inclusion_tag("components/status.html")
def status(view: StatusView, form: str = "table") -> dict[str, Any]:
    """State as shape, word and since: `table` breaks the line before since, `line` does not."""
    return {"view": view, "form": form}


@register.inclusion_tag("components/uptime_bar.html")
def uptime_bar(bar: Bar, form: str = "") -> dict[str, Any]:
    """One cell a day, oldest first; `form="wide"` fills its panel."""
    return {"bar": bar, "form": form}


@register.inclusion_tag("components/sparkline.html")
def sparkline(spark: Spark) -> dict[str, Any]:
    """The last 24 hours of response time, drawn from zero."""
    return {"spark": spark}


@register.filter
def duration(seconds: float | None) -> str:
    """Seconds as `4 min` or `2 d 3 h`."""
    return words.duration(seconds)


@register.filter
def millis(us: float | None) -> str:
    """Microseconds as `212 ms` or `10.0 s`."""
    return words.millis(us)


@register.filter
def percent(value: float | None) -> str:
    """Three decimals, never rounded up to 100."""
    return words.percent(value)


@register.filter
def grouped(number: int) -> str:
    """187204 as `187 204`."""
    return words.grouped(number)


@register.simple_tag(takes_context=True)
def ago(context: dict[str, Any], at: datetime | None) -> str:
    """How long before the page's own `now` something was."""
    return words.ago(at, context["now"]) if at is not None else words.NOTHING


@register.simple_tag(takes_context=True)
def until(context: dict[str, Any], at: datetime | None) -> str:
    """How long after the page's own `now` something will be."""
    if at is None:
        return words.NOTHING
    return words.duration((at - context["now"]).total_seconds())


@register.filter
def interval(seconds: int) -> str:
    """A setting as `30 s` or `5 min`."""
    return words.interval(seconds)


@register.filter
def unlocalized(number: float) -> str:
    """A number as SVG reads it, whatever the language of the page."""
    return f"{number:g}"
