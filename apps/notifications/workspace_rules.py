"""Workspace e-mail and SMS rules: which notices a status change earns (contract Dashmon 9).

One change at a time, with the memory of what one channel last sent about one device. Changes in
maintenance are handed over too: they send nothing and leave no trace. Vectors: dashmon_alert_rules.json.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal

Event = Literal["down", "up"]

E164 = re.compile(r"\+[1-9][0-9]{7,14}")


def number_of(text: object) -> str:
    """A telephone number without the spaces people write; "" for what is no text."""
    return "".join(text.split()) if isinstance(text, str) else ""


def is_number(number: str) -> bool:
    """Whether it is one in E.164: `+` and 8 to 15 digits (contract Dashmon 9)."""
    return E164.fullmatch(number) is not None


@dataclass(frozen=True, slots=True)
class EmailRule:
    """One e-mail rule of a workspace; nobody in `to` means the workspace's owner."""

    enabled: bool
    cooldown_min: int
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SmsOverride:
    """A project's own number; it counts when enabled and not empty."""

    enabled: bool
    to: str


@dataclass(frozen=True, slots=True)
class SmsRule:
    """One SMS rule of a workspace: a number, and numbers of projects that replace it."""

    enabled: bool
    cooldown_min: int
    to: str = ""
    overrides: Mapping[str, SmsOverride] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Memory:
    """When one channel last told each event about one device, and which of them was its last word."""

    down_at: datetime | None = None
    up_at: datetime | None = None
    last: Event | None = None


@dataclass(frozen=True, slots=True)
class Notice:
    """One message to one recipient."""

    at: datetime
    channel: Literal["email", "sms"]
    event: Event
    to: str


def notices(
    rule: EmailRule | SmsRule,
    memory: Memory,
    *,
    before: str,
    after: str,
    at: datetime,
    in_maintenance: bool,
    project_id: str,
    owner_email: str,
) -> tuple[tuple[Notice, ...], Memory]:
    """The notices of one change, by recipient, and what the channel remembers from then on.

    Only a change to down or up is an event, and not the first success of a device never seen before. The
    same event waits for the cooldown (an age equal to it is enough), but a recovery is never swallowed
    when the channel's last word was a down.
    """
    event = _event(before, after)
    if event is None or not rule.enabled or in_maintenance or _too_soon(rule, memory, event, at):
        return (), memory
    channel: Literal["email", "sms"] = "email" if isinstance(rule, EmailRule) else "sms"
    told = recipients(rule, project_id, owner_email)
    if not told:
        return (), memory
    sent = tuple(Notice(at, channel, event, to) for to in told)
    if event == "down":
        return sent, replace(memory, down_at=at, last="down")
    return sent, replace(memory, up_at=at, last="up")


def _event(before: str, after: str) -> Event | None:
    if before == after:
        return None
    if after == "down":
        return "down"
    return "up" if after == "up" and before != "unknown" else None


def _too_soon(rule: EmailRule | SmsRule, memory: Memory, event: Event, at: datetime) -> bool:
    if event == "up" and memory.last == "down":
        return False
    told_at = memory.down_at if event == "down" else memory.up_at
    return told_at is not None and at - told_at < timedelta(minutes=rule.cooldown_min)


def recipients(rule: EmailRule | SmsRule, project_id: str, owner_email: str) -> Sequence[str]:
    """Whom a rule reaches for a device of this project; an SMS only goes to a number that is one."""
    if isinstance(rule, EmailRule):
        return sorted({address for address in rule.to or (owner_email,) if address})
    override = rule.overrides.get(project_id)
    number = override.to if override and override.enabled and override.to else rule.to
    return [number] if is_number(number) else []
