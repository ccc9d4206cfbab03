"""The public page as HTML: everything the templates show is worked out here."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

from apps.statuspages.content import Content, Row
from apps.statuspages.contrast import nearest_passing, on_colour
from apps.statuspages.links import Place
from apps.statuspages.models import StatusPage
from apps.statuspages.rendering.bars import bar
from apps.statuspages.rendering.spelling import Spelling
from apps.statuspages.threads import Post, Thread
from apps.statuspages.words import NAMES

RECENT = timedelta(days=14)
SHAPES = {
    "up": "up",
    "down": "down",
    "warning": "degraded",
    "maintenance": "maintenance",
    "partial_maintenance": "maintenance",
    "unknown": "unknown",
    "paused": "paused",
}
VERDICTS = {
    "operational": "up",
    "degraded": "degraded",
    "partial_outage": "down",
    "major_outage": "down",
    "maintenance": "maintenance",
}
LEGEND = (
    ("u", "up"),
    ("g", "degraded"),
    ("d", "down"),
    ("m", "maintenance"),
    ("x", "none"),
    ("z", "unborn"),
)
THREAD_SHAPES = {"resolved": "up", "monitoring": "up", "maintenance": "maintenance", "info": "unknown"}


@dataclass(frozen=True, slots=True)
class Look:
    """How one visitor sees a page."""

    place: Place
    spelling: Spelling
    theme: str
    language_choice: bool = False

    def say(self, key: str, **parts: object) -> str:
        return self.spelling.say(key, **parts)


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and its lines, which are drawn already."""

    name: str
    lines: Sequence[SafeString]


@dataclass(frozen=True, slots=True)
class Told:
    """One post of a story."""

    word: str
    at: str
    iso: str
    html: SafeString


@dataclass(frozen=True, slots=True)
class Story:
    """One incident, maintenance or notice."""

    title: str
    shape: str
    word: str
    href: str
    when: str
    iso: str
    lasted: str
    affects: str
    posts: Sequence[Told] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state of everything in one sentence."""

    shape: str
    sentence: str


def page_html(content: Content, look: Look) -> str:
    """The front page."""
    threads = [thread for thread in content.threads if not thread.is_maintenance]
    active = [thread for thread in threads if thread.phase(content.now) == "active"]
    past = [thread for thread in content.threads if thread.phase(content.now) == "past"]
    recent = [thread for thread in past if thread.first.published_at > content.now - RECENT]
    context = {
        "verdict": verdict(content, look, troubled=any(thread.status != "info" for thread in active)),
        "as_of": look.say("as_of", time=look.spelling.time(content.now)),
        "parts": [
            Part(section.name, [_line(row, content, look) for row in section.rows]) for section in content.sections
        ],
        "active": [story(thread, content, look) for thread in active],
        "planned": [_planned(content, look, index) for index in range(len(content.planned))],
        "past": [story(thread, content, look) for thread in recent],
        "has_history": bool(past),
        "legend": [(cell, look.say(f"legend_{word}")) for cell, word in LEGEND],
    }
    return _rendered("status/page.html", content.page, look, context)


def history_html(content: Content, look: Look) -> str:
    """Every story, newest first."""
    stories = [story(thread, content, look) for thread in content.threads]
    return _rendered("status/history.html", content.page, look, {"stories": stories})


def thread_html(content: Content, look: Look, key: str) -> str | None:
    """One story with all its posts; None when the page has no such story."""
    thread = next((thread for thread in content.threads if thread.key == key), None)
    if thread is None:
        return None
    return _rendered("status/thread.html", content.page, look, {"story": story(thread, content, look)})


def embed_html(content: Content, look: Look) -> str:
    """One line for other people's pages."""
    return _rendered("status/embed.html", content.page, look, {"verdict": verdict(content, look, troubled=False)})


def form_html(page: StatusPage, look: Look, template: str, context: dict[str, Any]) -> str:
    """A small page around a form: private pages, subscriptions."""
    return _rendered(f"status/{template}.html", page, look, context)


def verdict(content: Content, look: Look, *, troubled: bool) -> Verdict:
    """What a visitor reads first."""
    word = content.indicator
    if not any(section.rows for section in content.sections):
        return Verdict("unknown", look.say("no_components"))
    if troubled and word == "operational":
        return Verdict("degraded", look.say("incident_open"))
    return Verdict(VERDICTS[word], look.say("maintenance_now" if word == "maintenance" else word))


def style_of(page: StatusPage) -> str:
    """The page's accent as a style sheet; empty where it has none. Dark pages get the nearest shade that passes."""
    if not page.accent:
        return ""
    light, dark = nearest_passing(page.accent, "light"), nearest_passing(page.accent, "dark")
    on = f"light-dark({on_colour(light)},{on_colour(dark)})"
    return f":root{{--accent:light-dark({light},{dark});--on-accent:{on}}}"


def style_hash(page: StatusPage) -> str:
    """The style sheet's fingerprint, as a content security policy names it; empty without one."""
    style = style_of(page)
    return f"'sha256-{base64.b64encode(sha256(style.encode()).digest()).decode()}'" if style else ""


def story(thread: Thread, content: Content, look: Look) -> Story:
    """A thread as the templates show it."""
    spelling, phase = look.spelling, thread.phase(content.now)
    ended = thread.ends_at if phase == "past" else None
    lasted = (ended - thread.starts_at).total_seconds() if ended is not None and ended > thread.starts_at else 0
    keys = dict.fromkeys(key for post in thread.posts for key in post.project_keys)
    names = [content.names[key] for key in keys if key in content.names]
    word = thread.status
    if thread.is_maintenance and phase != "past":
        word = "planned" if phase == "planned" else "under_way"
    return Story(
        title=thread.title,
        shape=THREAD_SHAPES.get(thread.status, "down" if phase == "active" else "up"),
        word=look.say(word),
        href=look.place.path(f"incidents/{thread.key}"),
        when=spelling.span(thread.starts_at, thread.ends_at) if thread.is_maintenance else _when(thread, spelling),
        iso=thread.starts_at.isoformat(),
        lasted=look.say("lasted", time=spelling.lasting(lasted)) if lasted and thread.status != "info" else "",
        affects=look.say("affects", names=", ".join(names)) if names else "",
        posts=[_told(post, look) for post in thread.posts],
    )


def _when(thread: Thread, spelling: Spelling) -> str:
    return spelling.moment(thread.first.published_at)


def _told(post: Post, look: Look) -> Told:
    at: datetime = post.published_at
    # Cleaned when it was published (apps.statuspages.markup).
    html = mark_safe(post.html)  # noqa: S308  # see above
    return Told(look.say(post.status), look.spelling.moment(at), at.isoformat(), html)


def _planned(content: Content, look: Look, index: int) -> Story:
    item = content.planned[index]
    if item.thread is not None:
        return story(item.thread, content, look)
    return Story(
        title=look.say("maintenance_of", name=item.name),
        shape="maintenance",
        word=look.say("under_way" if item.active else "planned"),
        href="",
        when=look.spelling.span(item.starts_at, item.ends_at),
        iso=item.starts_at.isoformat(),
        lasted="",
        affects="",
    )


# One monitor. Not a template: a page may have hundreds of these, and they are most of what it costs.
LINE = (
    '<li><div class="line"><h3>{name}</h3><span class="state state--{shape}"><svg aria-hidden="true">'
    '<use href="#shape-{shape}"/></svg>{word}</span></div>'
    '<div class="bar" tabindex="0" role="img" aria-label="{label}">{drawing}</div>'
    '<div class="bar-foot" aria-hidden="true"><span class="bar-foot__ago">{ago}</span><span>{foot}</span>'
    "<span>{today}</span></div>{tip}</li>"
)


def _line(row: Row, content: Content, look: Look) -> SafeString:
    drawn, latency = bar(row, look.spelling), row.latency_us
    days = content.page.days
    foot = look.say("share_up", percent=drawn.share, days=days) if drawn.share else look.say("bar_nothing")
    if content.page.show_latency and latency is not None:
        foot += f" · {look.say('latency', time=look.spelling.millis(latency))}"
    return format_html(
        LINE,
        name=row.name,
        shape=SHAPES.get(row.status, "unknown"),
        word=look.say(row.status),
        label=drawn.label,
        drawing=drawn.drawing,
        ago=look.say("days_ago", days=days),
        foot=foot,
        today=look.say("today"),
        tip=format_html('<p class="tip">{}</p>', drawn.tip) if drawn.tip else "",
    )


def _rendered(template: str, page: StatusPage, look: Look, context: dict[str, Any]) -> str:
    words = Words(look.spelling)
    shared = {
        "page": page,
        "say": words,
        "place": look.place,
        "language": look.spelling.language,
        "theme": look.theme,
        "languages": [(code, name) for code, name in NAMES.items() if code != look.spelling.language],
        "style": mark_safe(style_of(page)),  # noqa: S308  # colours that were checked
        "logo": getattr(page, "logo", None),
        "logo_path": look.place.path("logo.png"),
        "times_in": look.say("times_in", zone=page.timezone.replace("_", " ")),
        "home": look.place.home,
        "at": look.place.path(""),
    }
    return "\n".join(line for raw in render_to_string(template, shared | context).splitlines() if (line := raw.strip()))


class Words:
    """Sentences for templates: `{{ say.skip }}`."""

    def __init__(self, spelling: Spelling) -> None:
        self._spelling = spelling

    def __getitem__(self, key: str) -> str:
        return self._spelling.say(key)
