"""Every public form of a page as an answer that can be kept: body, headers, fingerprint."""

import json
from datetime import datetime

from apps.statuspages.content import Content, content_of
from apps.statuspages.links import Place, public_url
from apps.statuspages.models import StatusPage
from apps.statuspages.rendering import badge, document, feeds, page
from apps.statuspages.rendering.page import Look
from apps.statuspages.rendering.spelling import Spelling, speaking
from apps.statuspages.shelf import Headers, Kept, Key

MAX_AGE_S = 15
HTML, XML = "text/html; charset=utf-8", "application/xml; charset=utf-8"
TYPES = {
    "html": HTML,
    "history": HTML,
    "thread": HTML,
    "embed": HTML,
    "api": "application/json",
    "feed.rss": "application/rss+xml; charset=utf-8",
    "feed.atom": "application/atom+xml; charset=utf-8",
    "feed.json": "application/feed+json; charset=utf-8",
    "calendar.ics": "text/calendar; charset=utf-8",
    "badge.svg": "image/svg+xml",
    "embed.js": "text/javascript; charset=utf-8",
}
# For other people's pages and programs.
OPEN = frozenset(TYPES) - {"html", "history", "thread", "embed"}
EMBED_SCRIPT = """(function () {
  var me = document.currentScript;
  if (!me || !/\\/embed\\.js(\\?|$)/.test(me.src)) return;
  var frame = document.createElement("iframe");
  var theme = me.getAttribute("data-theme");
  frame.src = me.src.replace(/embed\\.js.*$/, "embed") + (/^(light|dark)$/.test(theme) ? "?theme=" + theme : "");
  frame.title = "Status";
  frame.width = "100%";
  frame.height = "40";
  frame.loading = "lazy";
  frame.style.border = "0";
  me.parentNode.insertBefore(frame, me);
})();
"""


def key_of(shown: StatusPage, form: str, look: Look, *, name: str = "") -> Key:
    """Under what an answer is kept. `name` is a thread's or a section's."""
    where = "own" if look.place.own_host else "app"
    return Key(shown.pk, f"{form}:{where}:{name}", look.spelling.language, look.theme)


def answer(shown: StatusPage, form: str, look: Look, *, name: str = "", now: datetime) -> Kept | None:
    """Render one form of a page; None when it has no such thread or section."""
    if form == "embed.js":
        return _kept(shown, form, look, EMBED_SCRIPT, modified=shown.created_at)
    content = content_of(shown, now=now, days=form in {"html", "api"}, last_day=form == "api")
    with speaking(look.spelling.language):
        body = _body(content, form, look, name)
    return None if body is None else _kept(shown, form, look, body, modified=content.changed_at)


def _body(content: Content, form: str, look: Look, name: str) -> str | bytes | None:
    spelling = look.spelling
    if form == "thread":
        return page.thread_html(content, look, name)
    if form == "badge.svg":
        return badge.badge(content, spelling, name or None)
    if form == "api":
        return json.dumps(document.document(content), ensure_ascii=False, separators=(",", ":"))
    pages = {"html": page.page_html, "history": page.history_html, "embed": page.embed_html}
    if form in pages:
        return pages[form](content, look)
    makers = {
        "feed.rss": feeds.rss,
        "feed.atom": feeds.atom,
        "feed.json": feeds.json_feed,
        "calendar.ics": feeds.calendar,
    }
    return makers[form](content, spelling, public_url(content.page))


def _kept(shown: StatusPage, form: str, look: Look, body: str | bytes, *, modified: datetime) -> Kept:
    raw = body.encode() if isinstance(body, str) else body
    return Kept.of(shown.slug, raw, headers_of(shown, form, look), modified=modified)


def headers_of(shown: StatusPage, form: str, look: Look) -> Headers:
    """What goes with a form, besides its fingerprint and length."""
    headers = [
        ("Content-Type", TYPES[form]),
        ("Cache-Control", cache_control(shown)),
        ("Vary", "Accept-Encoding, Accept-Language" if look.language_choice else "Accept-Encoding"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    if TYPES[form] == HTML:
        headers.append(("Content-Security-Policy", policy(shown, embedded=form == "embed")))
        headers.append(("Content-Language", look.spelling.language))
        headers.append(("Referrer-Policy", "same-origin"))
        if form != "embed":
            headers += [("X-Frame-Options", "SAMEORIGIN"), ("Cross-Origin-Opener-Policy", "same-origin")]
    elif form in OPEN:
        headers.append(("Access-Control-Allow-Origin", "*"))
        headers.append(("Cross-Origin-Resource-Policy", "cross-origin"))
    if form == "badge.svg":
        headers.append(("Content-Security-Policy", "default-src 'none'; sandbox"))
    if not shown.allow_indexing or shown.is_private:
        headers.append(("X-Robots-Tag", "noindex, nofollow"))
    return tuple(headers)


def cache_control(shown: StatusPage) -> str:
    """Fifteen seconds anywhere; a private page only in its visitor's own browser."""
    if shown.is_private:
        return f"private, max-age={MAX_AGE_S}"
    return f"public, max-age={MAX_AGE_S}, s-maxage={MAX_AGE_S}, stale-while-revalidate={MAX_AGE_S}"


def policy(shown: StatusPage, *, embedded: bool = False) -> str:
    """No script, no foreign content; the accent's own style sheet by its fingerprint."""
    return "; ".join(
        (
            "default-src 'none'",
            " ".join(filter(None, ("style-src 'self'", page.style_hash(shown)))),
            "img-src 'self' data:",
            "form-action 'self'",
            "base-uri 'none'",
            # The editor shows the page in a frame; the badge line is made for other people's pages.
            "frame-ancestors *" if embedded else "frame-ancestors 'self'",
        )
    )


def look_of(
    shown: StatusPage, *, own_host: bool = False, language: str | None = None, preferred: str = "en", theme: str = ""
) -> Look:
    """How a visitor sees a page: the language asked for, else the page's, else (`auto`) the browser's."""
    choice = shown.locale == "auto" and language is None
    spoken = language or (preferred if shown.locale == "auto" else shown.locale)
    chosen = theme if theme in {"light", "dark"} else shown.theme
    return Look(Place(shown.slug, own_host), Spelling(spoken, shown.timezone), chosen, choice)
