"""What a page's settings may be (contract Dashmon 10): one place judges them, whoever sends them."""

import re
from collections.abc import Callable, Mapping
from typing import Any
from zoneinfo import available_timezones

from apps.common.text import is_storable
from apps.statuspages.contrast import is_colour, nearest_passing, passes
from apps.statuspages.words import AUTO, CATALOGUES

SLUG = re.compile(r"[a-z0-9-]{3,48}")
MOST_DAYS = 90
LENGTHS = {"name": 120, "description": 500}
THEMES = ("auto", "light", "dark")
VISIBILITIES = ("public", "private_token")
LOCALES = (AUTO, *CATALOGUES)
SLUG_RULE = "3 to 48 of a-z, 0-9 and dashes."


def is_slug(text: str) -> bool:
    return SLUG.fullmatch(text) is not None


def faults(values: Mapping[str, Any]) -> dict[str, str]:
    """Every bad value by its name on the wire; names that are absent are not judged."""
    found = {name: fault for name in values if (fault := _fault(name, values[name]))}
    accent, theme = values.get("accentColor"), values.get("theme")
    if accent and "accentColor" not in found and (fault := accent_fault(accent, theme or "auto")):
        found["accentColor"] = fault
    return found


def accent_fault(accent: str, theme: str) -> str:
    """Why an accent is refused: it could not be read. An `auto` page is judged in light; dark gets its own shade."""
    side = "dark" if theme == "dark" else "light"
    if passes(accent, side):
        return ""
    return f"Too little contrast to be read (under 4.5:1). The nearest that passes is {nearest_passing(accent, side)}."


def _fault(name: str, value: Any) -> str:
    if name in LENGTHS:
        return _text_fault(name, value)
    rule = RULES.get(name)
    return "" if rule is None or rule[0](value) else rule[1]


def _is_days(value: Any) -> bool:
    return isinstance(value, int) and 1 <= value <= MOST_DAYS


def _text_fault(name: str, value: str) -> str:
    if name == "name" and not value.strip():
        return "A name."
    if len(value.strip()) > LENGTHS[name]:
        return f"At most {LENGTHS[name]} characters."
    return "" if is_storable(value) else "Text without control characters."


RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "slug": (is_slug, SLUG_RULE),
    "visibility": (VISIBILITIES.__contains__, "One of public, private_token."),
    "theme": (THEMES.__contains__, "One of auto, light, dark."),
    "locale": (LOCALES.__contains__, f"One of {', '.join(LOCALES)}."),
    "accentColor": (lambda colour: not colour or is_colour(colour), "A colour such as #2563eb."),
    "showUptimeDays": (_is_days, f"A whole number from 1 to {MOST_DAYS}."),
    "timezone": (available_timezones().__contains__, "A time zone such as Europe/Berlin."),
}
