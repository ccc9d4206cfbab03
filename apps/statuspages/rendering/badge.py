"""A badge: a name and a word, as SVG that any page can show."""

from django.utils.html import escape

from apps.statuspages.content import Content
from apps.statuspages.rendering.spelling import Spelling

COLOURS = {
    "operational": "#167a3c",
    "up": "#167a3c",
    "degraded": "#946200",
    "warning": "#946200",
    "partial_outage": "#c2222d",
    "major_outage": "#c2222d",
    "down": "#c2222d",
    "maintenance": "#2f5fd0",
    "partial_maintenance": "#2f5fd0",
}
IDLE = "#59616e"
NARROW, WIDE, EDGE = 7, 13, 8
LONGEST = 40


def badge(content: Content, spelling: Spelling, section_id: str | None) -> str | None:
    """The page's badge, or one section's; None when there is no such section."""
    if section_id is None:
        word = content.indicator
        label, said = content.page.name, spelling.say("maintenance_now" if word == "maintenance" else word)
    else:
        section = next((one for one in content.sections if one.id == section_id), None)
        if section is None:
            return None
        label, word, said = section.name, section.status, spelling.say(section.status)  # type: ignore[assignment]  # both are words
    return _drawn(_cut(label), said, COLOURS.get(word, IDLE))


def _drawn(label: str, said: str, colour: str) -> str:
    left, right = _width(label), _width(said)
    name, word = escape(label), escape(said)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img"'
        f' aria-label="{name}: {word}"><title>{name}: {word}</title>'
        f'<rect width="{left + right}" height="20" rx="4" fill="{colour}"/>'
        f'<path d="M4 0h{left - 4}v20H4a4 4 0 0 1-4-4V4a4 4 0 0 1 4-4z" fill="#24292f"/>'
        '<g fill="#fff" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2:g}" y="14">{name}</text><text x="{left + right / 2:g}" y="14">{word}</text></g></svg>'
    )


def _width(text: str) -> int:
    return 2 * EDGE + sum(WIDE if ord(character) > 0x2E7F else NARROW for character in text)


def _cut(text: str) -> str:
    shown = "".join(character for character in text if character.isprintable())
    return shown if len(shown) <= LONGEST else f"{shown[: LONGEST - 1]}…"
