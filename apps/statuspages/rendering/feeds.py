"""Feeds and calendar: posts for readers, maintenance for calendars."""

import json
import re
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.utils.feedgenerator import Atom1Feed, Rss201rev2Feed, SyndicationFeed
from icalendar import Calendar, Event

from apps.common.clock import iso_ms
from apps.statuspages.content import Content
from apps.statuspages.rendering.spelling import Spelling
from apps.statuspages.threads import Post

POSTS = 50
# What XML 1.0 cannot hold, escaped or not.
UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def rss(content: Content, spelling: Spelling, url: str) -> bytes:
    return _feed(Rss201rev2Feed, content, spelling, url, "feed.rss")


def atom(content: Content, spelling: Spelling, url: str) -> bytes:
    return _feed(Atom1Feed, content, spelling, url, "feed.atom")


def json_feed(content: Content, spelling: Spelling, url: str) -> bytes:
    """JSON Feed 1.1."""
    items = [
        {
            "id": post.id,
            "url": _thread_url(url, post),
            "title": _title(post, spelling),
            "content_html": post.html,
            "date_published": iso_ms(post.published_at),
        }
        for post in content.posts[:POSTS]
    ]
    document = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": spelling.say("feed", page=content.page.name),
        "home_page_url": url,
        "feed_url": f"{url}/feed.json",
        "language": spelling.language,
        "items": items,
    }
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def calendar(content: Content, spelling: Spelling, url: str) -> bytes:
    """Maintenance as iCalendar (RFC 5545): what is planned, what goes on, and what was announced and is over."""
    document = Calendar()
    document.add("prodid", "-//Dashmon//Status page//EN")
    document.add("version", "2.0")
    document.add("x-wr-calname", _plain(content.page.name))
    for item in content.windows:
        title = spelling.say("maintenance_of", name=item.name)
        document.add_component(_event(content, title, item.starts_at, item.ends_at, url, key=item.name))
    for thread in content.threads:
        if thread.is_maintenance:
            document.add_component(_event(content, thread.title, thread.starts_at, thread.ends_at, url, key=thread.key))
    return bytes(document.to_ical())


def _event(content: Content, title: str, starts_at: datetime, ends_at: datetime | None, url: str, *, key: str) -> Event:
    event = Event()
    named = sha256(f"{content.page.slug}:{key}:{starts_at.isoformat()}".encode()).hexdigest()[:32]
    event.add("uid", f"{named}@dashmon")
    event.add("dtstamp", content.changed_at)
    event.add("dtstart", starts_at)
    if ends_at is not None and ends_at > starts_at:
        event.add("dtend", ends_at)
    event.add("summary", _plain(title))
    event.add("url", url)
    return event


def _feed(kind: type[SyndicationFeed], content: Content, spelling: Spelling, url: str, name: str) -> bytes:
    title = _plain(spelling.say("feed", page=content.page.name))
    feed = kind(
        title=title,
        link=url,
        description=_plain(content.page.description or title),
        language=spelling.language,
        feed_url=f"{url}/{name}",
        feed_guid=url,
    )
    for post in content.posts[:POSTS]:
        feed.add_item(
            title=_plain(_title(post, spelling)),
            link=_thread_url(url, post),
            description=_plain(post.html),
            unique_id=post.id,
            unique_id_is_permalink=False,
            pubdate=post.published_at,
            updateddate=post.published_at,
        )
    return str(feed.writeString("utf-8")).encode()


def _title(post: Post, spelling: Spelling) -> str:
    return f"{spelling.say(post.status)}: {post.title}"


def _thread_url(url: str, post: Post) -> str:
    return f"{url}/incidents/{post.thread}"


def _plain(text: Any) -> str:
    return UNSPEAKABLE.sub("", str(text))
