"""Fixtures; see the package."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.sinks.http import HttpSink, running_http
from tests.sinks.smtp import SmtpSink, running_smtp


@pytest.fixture
def smtp_sink(settings: Any) -> Iterator[SmtpSink]:
    """A mail server, and the product told to use it."""
    with running_smtp() as sink:
        # pytest-django puts its own outbox in front of every test; these mails travel over a socket.
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST = "127.0.0.1"
        settings.EMAIL_PORT = sink.port
        settings.EMAIL_TIMEOUT = 2
        settings.DEFAULT_FROM_EMAIL = "Dashmon <dashmon@watch.example>"
        yield sink


@pytest.fixture
def http_sink() -> Iterator[HttpSink]:
    """A web server for webhooks."""
    with running_http() as sink:
        yield sink
