"""The whole story of one incident under a policy: who would be told when, and what would be skipped and why."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.notifications.routing.oncall import on_call
from apps.notifications.routing.policy import Policy, Target
from apps.notifications.routing.quiet import settle
from apps.notifications.routing.timetable import Moment, moments


@dataclass(frozen=True, slots=True)
class Notice:
    """One recipient hears one thing at an instant; `step` and `loop` only where a step caused it."""

    at: datetime
    recipient: str
    kind: Literal["open", "resolved"]
    step: int | None = None
    loop: int | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """Something that was due and did not happen: quiet_hours, quiet_hours_then_closed, no_one_on_call."""

    at: datetime
    reason: str
    step: int | None = None
    loop: int | None = None
    target: str = ""


@dataclass(frozen=True, slots=True)
class Forecast:
    """Notices by instant and recipient, and what was skipped."""

    sent: tuple[Notice, ...]
    skipped: tuple[Skip, ...]


def forecast(
    policy: Policy,
    *,
    opened_at: datetime,
    severity: str,
    acknowledged_at: datetime | None = None,
    resolved_at: datetime | None = None,
    present: Collection[str] | None = None,
) -> Forecast:
    """Contract Dashmon 9.1 from the opening to the end; both ends may still lie in the future (None)."""
    if not policy.enabled:
        return Forecast((), ())
    sent: dict[tuple[datetime, str], Notice] = {}
    skipped: list[Skip] = []
    ends = [end for end in (acknowledged_at, resolved_at) if end is not None]
    for moment in moments(policy, begun_at=opened_at, severity=severity):
        if _is_over(moment.planned_at, ends):
            continue
        if moment.at is None or _is_over(moment.at, ends):
            reason = "quiet_hours" if moment.at is None else "quiet_hours_then_closed"
            skipped.append(Skip(moment.planned_at, reason, moment.index, moment.loop))
            continue
        for found in reached(policy, moment, at=moment.at, present=present):
            if isinstance(found, Skip):
                skipped.append(found)
            else:
                # Several that meet at one instant are one; it carries the step that was planned first.
                sent.setdefault((found.at, found.recipient), found)
    if resolved_at is not None:
        _resolve(policy, sent, skipped, at=resolved_at, severity=severity)
    return Forecast(tuple(sorted(sent.values(), key=lambda notice: (notice.at, notice.recipient))), tuple(skipped))


def reached(
    policy: Policy, moment: Moment, *, at: datetime, present: Collection[str] | None
) -> Iterator[Notice | Skip]:
    """Whom a step reaches at the instant at which it leaves; targets are resolved then, not when it was planned."""
    for target in moment.step.targets:
        recipient = resolve_target(policy, target, at=at, present=present)
        if recipient is None:
            yield Skip(at, "no_one_on_call", moment.index, moment.loop, target.key)
        else:
            yield Notice(at, recipient, "open", moment.index, moment.loop)


def resolve_target(policy: Policy, target: Target, *, at: datetime, present: Collection[str] | None) -> str | None:
    """A target as a recipient, `channel:...` or `user:...`; None when nobody is on call."""
    if target.kind != "oncall":
        return target.key
    rotation = policy.rotation(target.id)
    member = on_call(rotation, at, present=present) if rotation is not None else None
    return None if member is None else f"user:{member}"


def _is_over(at: datetime, ends: Iterable[datetime]) -> bool:
    return any(end <= at for end in ends)


def _resolve(
    policy: Policy, sent: dict[tuple[datetime, str], Notice], skipped: list[Skip], *, at: datetime, severity: str
) -> None:
    """Everybody who was told of the opening is told of the end, by the same quiet rule."""
    recipients = sorted({notice.recipient for notice in sent.values()})
    if not recipients or "up" not in policy.notify_on:
        return
    leaves_at = settle(policy.quiet, policy.zone, at=at, severity=severity).at
    if leaves_at is None:
        skipped.append(Skip(at, "quiet_hours"))
        return
    for recipient in recipients:
        sent[(leaves_at, f"resolved {recipient}")] = Notice(leaves_at, recipient, "resolved")
