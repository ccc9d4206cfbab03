"""E-mails: subject, plain text and HTML of the same words."""

from datetime import datetime
from typing import Any

from django.template.loader import render_to_string

from apps.notifications.links import base_url, mail_domain
from apps.notifications.messages.news import News
from apps.notifications.messages.words import Words, local_time, word_of, words_of
from apps.workspaces.models import Workspace


def message_id(delivery_id: str) -> str:
    """RFC 5322 identity of a delivery: every attempt carries the same one."""
    return f"<{delivery_id}@{mail_domain()}>"


def mail(news: News, *, event_name: str, step: int = 0, loop: int = 0) -> dict[str, Any]:
    """An e-mail about an event, the same for all recipients."""
    words = words_of(news, word_of(news, event_name), still_open=bool(step or loop))
    return _mail(words, news.workspace)


def mail_for_test(*, workspace: Workspace, delivery_id: str, at: datetime) -> dict[str, Any]:
    """A message that says it is a test."""
    headline = "This is a test message: e-mail notices reach this address."
    words = Words("Test message", headline, (("At", local_time(at, workspace.timezone)),), f"{base_url()}/app/")
    return _mail(words, workspace) | {"message_id": message_id(delivery_id)}


def _mail(words: Words, workspace: Workspace) -> dict[str, Any]:
    context = {"words": words, "workspace": workspace.name}
    return {
        "subject": words.title,
        "text": render_to_string("email/notice.txt", context),
        "html": render_to_string("email/notice.html", context),
    }
