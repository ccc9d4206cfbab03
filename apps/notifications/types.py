"""Plain values of notifications: rules as people set them, messages, and how sending one ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class EmailRule:
    """The workspace's e-mail rule as people set it; the defaults are those of contract Dashmon 9.

    An empty `to` means the owner's address. What it makes of a change is said by `workspace_rules`.
    """

    enabled: bool = False
    cooldown_minutes: int = 30
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SmsRule:
    """The workspace's SMS rule; `overrides` are projects' own numbers, `{"enabled": ..., "to": ...}` by key."""

    enabled: bool = False
    to: str = ""
    cooldown_minutes: int = 30
    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WebhookRule:
    """The workspace's webhook. `new_secret` is filled once, in the answer to the call that made it."""

    enabled: bool = False
    url: str = ""
    has_secret: bool = False
    new_secret: str | None = None


@dataclass(frozen=True, slots=True)
class Message:
    """What one notice says, the same for every channel; each channel makes its own envelope of it.

    `title` is one line, `text` plain lines; `facts` are labels and values in their order; `event` is the webhook
    body of contract Dashmon 9.1; `zone` is the workspace's. A delivery's payload is this value as a document, but for
    e-mail.
    """

    title: str
    text: str
    tone: Literal["down", "warning", "up", "info", "test"]
    url: str = ""
    facts: tuple[tuple[str, str], ...] = ()
    event: Mapping[str, Any] = field(default_factory=dict)
    zone: str = "UTC"


@dataclass(frozen=True, slots=True)
class Envelope:
    """One message on its way: everything a channel needs, decided before it is sent.

    `id` is the delivery's public id (`dlv_...`); `payload` is the message as planned; `config` is the channel's own
    configuration as it is now, decrypted; `at` is the instant of this attempt.
    """

    id: str
    event_name: str
    recipient: str
    payload: Mapping[str, Any]
    secret: str | None
    at: datetime
    config: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The other side took the message; what it said, for the log, and its own name for the message."""

    result: str
    http_status: int | None = None
    reference: str | None = None
    # The provider took it and will not deliver it: test credentials.
    test_mode: bool = False


@dataclass(frozen=True, slots=True)
class TestOutcome:
    """One recipient's real answer to a test message."""

    __test__ = False  # pytest collects classes whose name begins like this one

    delivery_id: str
    recipient: str
    ok: bool
    result: str
    http_status: int | None
    reference: str | None = None
    test_mode: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits, for health and the operator's page. Instants are None when nothing waits."""

    events: int  # changes and acts that are not planned into deliveries yet
    oldest_event_at: datetime | None
    planned: int  # deliveries that are neither sent nor given up
    due: int  # recipients whose next message could leave now
    oldest_due_at: datetime | None
    failed_last_day: int
    escalations: int = 0  # incidents whose next step is due
    oldest_escalation_at: datetime | None = None
    leased: int = 0  # deliveries in somebody's hands
    leases_expired: int = 0
