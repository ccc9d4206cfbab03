"""What every message says, whatever carries it: one headline, a few facts, in the workspace's own time."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.notifications.links import base_url, incident_url
from apps.notifications.messages.news import News
from apps.notifications.routing.document import zone_of

Word = Literal["down", "warning", "up", "flapping", "acknowledged"]
WORDS: dict[Word, tuple[str, str]] = {
    "down": ("Down", "is down."),
    "warning": ("Degraded", "is degraded."),
    "up": ("Up", "is up again."),
    "flapping": ("Flapping", "changes again and again. You will hear of it once it has settled."),
    "acknowledged": ("Acknowledged", "is being looked at."),
}
# What they say where a value was in trouble; else an alert, or a notice.
OF_VALUE: dict[Word, str] = {"up": "Recovered", "acknowledged": "Acknowledged"}
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
    return "warning" if news.state == "warning" else "down"


def words_of(news: News, word: Word, *, still_open: bool = False) -> Words:
    """The words about one event; `still_open` marks a later step, which nobody has taken on."""
    place = f" ({news.project.name})" if news.project else ""
    title, headline = _of_value(news, word, place) if news.metric else _of_state(news, word, place)
    # A header or a title is one line, whatever people call their devices.
    line = " ".join(title.split())
    return Words(
        title=f"Still open: {line}" if still_open else line,
        headline=headline,
        facts=tuple(_facts(news, word)),
        url=incident_url(news.incident) if news.incident else f"{base_url()}/app/",
    )


def _of_state(news: News, word: Word, place: str) -> tuple[str, str]:
    title, sentence = WORDS[word]
    return f"{title}: {news.name}{place}", f"{news.name}{place} {sentence}"


def _of_value(news: News, word: Word, place: str) -> tuple[str, str]:
    """Title and headline of what a rule found: `Alert: web-1: CPU use: 97 %, the limit is 90 %`."""
    rule = news.incident.title if news.incident else news.name
    kind = OF_VALUE.get(word, "Notice" if news.is_notice else "Alert")
    # An end by hand knows no value.
    found = news.event.detail.get("cause_text") or rule
    return f"{kind}: {news.name}{place}: {found}", f"{rule} has recovered." if word == "up" else f"{rule}."


def _facts(news: News, word: Word) -> list[tuple[str, str]]:
    trouble = word in {"down", "warning"}
    facts = [("Cause", news.cause_text)] if trouble and news.cause_text else []
    facts.append(("Since" if trouble else "At", local_time(news.event.at, news.workspace.timezone)))
    if word == "up" and news.incident:
        facts.append(("Lasted", lasting(news.incident.duration_s(news.event.at))))
    return facts


def local_time(at: datetime, zone: str) -> str:
    """`2026-02-16 12:23:00 CET`: in the workspace's zone, UTC where that is unknown."""
    return f"{at.astimezone(zone_of(zone)):%Y-%m-%d %H:%M:%S %Z}"


def lasting(seconds: int) -> str:
    """`2 d 3 h`, `15 min`, `40 s`: the two largest units that say something."""
    parts = []
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min"), (1, "s")):
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts[:2]) or "0 s"
