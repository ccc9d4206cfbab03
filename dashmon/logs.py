"""Structured logs: one JSON object per line in production, readable lines on a terminal."""

import logging
import re
import sys
from typing import Any

import structlog
from django.conf import settings
from structlog.types import EventDict, Processor, WrappedLogger

HIDDEN = "***"
# Paths that carry a secret: heartbeat tokens, the first-run link, reset and invitation links.
SECRET_PATH = re.compile(r"/(heartbeat|ping|first-run|key|accept|invitations?|confirm|unsubscribe)/[^/\s\"?&']+")
# A value whose name says what it is: `?token=...`, `Authorization: Bearer ...`, `"password": "..."`.
SECRET_PAIR = re.compile(
    r"(?i)((?:[a-z_-]*(?:token|secret|password|api[_-]?key|authorization|cookie)|[?&](?:code|key|sig))"
    r"[\"']?\s*[=:]\s*[\"']?(?:(?:bearer|basic|token)\s+)?)[^&\s\"',;}]+"
)
# What is a secret wherever it stands: our own tokens, credentials in an address, whatever follows Bearer.
SECRET_WORD = re.compile(r"\b(dm_live_|spt_)[A-Za-z0-9_-]+|(?<=://)[^/\s:@]*:[^/\s@]+(?=@)|(?i:(?<=bearer )\S+)")
SECRET_NAME = re.compile(r"(?i)token|secret|password|authorization|cookie|credential|api[_-]?key")
# Names like a secret's whose value is none.
PLAIN = frozenset({"token_type", "tokens"})
DEEPEST = 4


def masked(text: str) -> str:
    """A text without what may be a secret in it."""
    text = SECRET_PATH.sub(rf"/\1/{HIDDEN}", text)
    text = SECRET_PAIR.sub(rf"\1{HIDDEN}", text)
    return SECRET_WORD.sub(lambda found: (found[1] or "") + HIDDEN, text)


def without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Structlog processor: a log line tells what was asked for, never the secret in it."""
    # uvicorn says everything twice, the second time for terminals.
    event.pop("color_message", None)
    return {name: _clean(name, value, DEEPEST) for name, value in event.items()}


def _clean(name: str, value: Any, depth: int) -> Any:
    if SECRET_NAME.search(name) and name not in PLAIN and value not in (None, ""):
        return HIDDEN
    if isinstance(value, str):
        return masked(value)
    if isinstance(value, bool | int | float | None):
        return value
    if depth == 0:
        return masked(str(value))
    if isinstance(value, dict):
        return {key: _clean(str(key), each, depth - 1) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean("", each, depth - 1) for each in value]
    return masked(str(value))


def as_json() -> bool:
    """Whether lines are for machines: as DASHMON_LOG_FORMAT says, else unless a person is looking."""
    if settings.LOG_FORMAT == "auto":
        return not sys.stderr.isatty()
    return bool(settings.LOG_FORMAT == "json")


def configure(*, level: int = logging.INFO) -> None:
    """Send the standard library's records and structlog's own through one renderer."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        # What was handed to the standard library as `extra`: ids of batches and requests, among others.
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = structlog.processors.JSONRenderer() if as_json() else structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_secrets,
                renderer,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
