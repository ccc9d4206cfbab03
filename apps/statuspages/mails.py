"""What subscribers are sent, in their own language. Names as visitors know them, and links; nothing else."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import mark_safe

from apps.common.clock import iso_ms
from apps.statuspages.links import url_of
from apps.statuspages.markup import to_text
from apps.statuspages.models import StatusPage, StatusUpdate, Subscriber
from apps.statuspages.rendering.spelling import Spelling


def question(subscriber: Subscriber, token: str) -> dict[str, Any]:
    """Whether the address wants this. The link shows a button: programs that open links say no yes."""
    page, spelling = subscriber.page, Spelling(subscriber.language)
    name = {"page": page.name}
    context = {
        "language": subscriber.language,
        "headline": spelling.say("confirm_title"),
        "paragraphs": [spelling.say("mail_confirm_text", **name)],
        "url": confirm_url(page, token),
        "button": spelling.say("confirm"),
    }
    return _mail(spelling.say("mail_confirm_subject", **name), context)


def question_body(subscriber: Subscriber, token: str, *, at: datetime) -> dict[str, Any]:
    """The same question to a webhook."""
    page = subscriber.page
    return {
        "event": "subscription.confirm",
        "occurredAt": iso_ms(at),
        "page": _page(page),
        "confirmUrl": confirm_url(page, token),
    }


def news(update: StatusUpdate, subscriber: Subscriber, token: str, names: Sequence[str]) -> dict[str, Any]:
    """One post as an e-mail, with the way out that mail programs show as a button (RFC 8058)."""
    page, spelling = update.page, Spelling(subscriber.language, update.page.timezone)
    leave, word = unsubscribe_url(page, token), spelling.say(update.status)
    facts = [f"{word}, {spelling.moment(update.published_at)}"]
    if names:
        facts.append(spelling.say("affects", names=", ".join(names)))
    if update.starts_at is not None:
        facts.append(spelling.span(update.starts_at, update.ends_at))
    context = {
        "language": subscriber.language,
        "headline": update.title,
        "facts": facts,
        "paragraphs": [to_text(update.html)] if update.html else [],
        "markup": mark_safe(update.html),  # noqa: S308  # cleaned when it was published
        "url": thread_url(update),
        "see": spelling.say("mail_see", url=thread_url(update)),
        "end": spelling.say("mail_end", url=leave),
        "leave": leave,
        "unsubscribe": spelling.say("unsubscribe"),
    }
    mail = _mail(f"[{page.name}] {word}: {update.title}", context)
    mail["headers"] = {"List-Unsubscribe": f"<{leave}>", "List-Unsubscribe-Post": "List-Unsubscribe=One-Click"}
    return mail


def news_body(update: StatusUpdate, token: str, names: Sequence[str]) -> dict[str, Any]:
    """One post for a webhook."""
    return {
        "event": "status.update",
        "id": update.wire_id,
        "occurredAt": iso_ms(update.published_at),
        "page": _page(update.page),
        "update": {
            "id": update.wire_id,
            "status": update.status,
            "title": update.title,
            "body": update.body,
            "projects": list(names),
            "startsAt": iso_ms(update.starts_at) if update.starts_at else None,
            "endsAt": iso_ms(update.ends_at) if update.ends_at else None,
            "publishedAt": iso_ms(update.published_at),
            "url": thread_url(update),
        },
        "unsubscribeUrl": unsubscribe_url(update.page, token),
    }


def confirm_url(page: StatusPage, token: str) -> str:
    return f"{url_of(page)}/confirm/{token}"


def unsubscribe_url(page: StatusPage, token: str) -> str:
    return f"{url_of(page)}/unsubscribe/{token}"


def thread_url(update: StatusUpdate) -> str:
    return f"{url_of(update.page)}/incidents/{update.thread}"


def _page(page: StatusPage) -> dict[str, str]:
    return {"slug": page.slug, "name": page.name, "url": url_of(page)}


def _mail(subject: str, context: dict[str, Any]) -> dict[str, Any]:
    return {
        # A header is one line, whatever people write into a title.
        "subject": " ".join(subject.split()),
        "text": render_to_string("email/status.txt", context),
        "html": render_to_string("email/status.html", context),
    }
