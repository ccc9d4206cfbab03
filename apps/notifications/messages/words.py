"""What every message says, whatever carries it: one headline, a few facts, in the workspace's own time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apps.notifications.links import base_url, incident_url
from apps.notifications.messages.news import News

Word = Literal["down", "warning", "up", "flapping", "acknowledged"]
WORDS: dict[Word, tuple[str, str]] = {
    "down": ("Down", "is down."),
    "warning": ("Degraded", "is degraded."),
    "up": ("Up", "is up again."),
    "flapping": ("Flapping", "changes again and again. You will hear of it once it has settled."),
    "acknowledged": ("Acknowledged", "is being looked at."),
}
OF_EVENT: dict[str, Word] = {
    "incident.resolved": "up",
    "incident.flapping": "flapping",
    "incident.acknowledged": "acknowledged",
}


@dataclass(frozen=True, slots=True)
class Words:
    """One message in words: a title for lists, a headline, labelled facts, and where to look."""

    title: str
    headline: str
    facts: tuple[tuple[str, str], ...]
    url: str


def word_of(news: News, event_name: str) -> Word:
    """down, warning, up, flapping or acknowledged: what a message is about, whichever rule sends it."""
    for word in WORDS:
        if event_name == word:
            return word
    if event_name in OF_EVENT:
        return OF_EVENT[event_name]
    return "warning" if news.event.detail.get("after") == "warning" else "down"


def words_of(news: News, word: Word, *, still_open: bool = False) -> Words:
    """The words about one event; `still_open` marks a later step, which nobody has taken on."""
    title, sentence = WORDS[word]
    place = f" ({news.project.name})" if news.project else ""
    # A header or a title is one line, whatever people call their devices.
    line = " ".join(f"{title}: {news.name}{place}".split())
    return Words(
        title=f"Still open: {line}" if still_open else line,
        headline=f"{news.name}{place} {sentence}",
        facts=tuple(_facts(news, word)),
        url=incident_url(news.incident) if news.incident else f"{base_url()}/app/",
    )


def _facts(news: News, word: Word) -> list[tuple[str, str]]:
    trouble = word in {"down", "warning"}
    facts = [("Cause", news.cause_text)] if trouble and news.cause_text else []
    facts.append(("Since" if trouble else "At", local_time(news.event.at, news.workspace.timezone)))
    if word == "up" and news.incident:
        facts.append(("Lasted", lasting(news.incident.duration_s(news.event.at))))
    return facts


def local_time(at: datetime, zone: str) -> str:
    """`2026-02-16 12:23:00 CET`: in the workspace's zone, UTC where that is unknown."""
    try:
        local = at.astimezone(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError):
        local = at.astimezone(UTC)
    return f"{local:%Y-%m-%d %H:%M:%S %Z}"


def lasting(seconds: int) -> str:
    """`2 d 3 h`, `15 min`, `40 s`: the two largest units that say something."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
