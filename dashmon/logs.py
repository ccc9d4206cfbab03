"""Structured logs: one JSON object per line in production, readable lines on a terminal."""

import logging
import re
import sys

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

# Paths that carry a secret: heartbeat tokens, the first-run link, reset and invitation links.
SECRET_PATH = re.compile(r"/(heartbeat|ping|first-run|key|accept|invitations?)/[^/\s\"?]+")
SECRET_QUERY = re.compile(r"([?&](?:token|code)=)[^&\s\"]+")


def without_secrets(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Structlog processor: a log line tells which path was asked for, never the secret in it."""
    for name in ("event", "path", "exception"):
        if isinstance(text := event.get(name), str):
            event[name] = SECRET_QUERY.sub(r"\1***", SECRET_PATH.sub(r"/\1/***", text))
    return event


def configure(*, level: int = logging.INFO) -> None:
    """Send the standard library's records and structlog's own through one renderer."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: Processor = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
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
