"""When the steps of a policy are due for one incident: a pure sequence, so nothing has to be stored for each step."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.notifications.routing.policy import Policy, Step
from apps.notifications.routing.quiet import settle


@dataclass(frozen=True, slots=True)
class Moment:
    """One step of one round: when it was planned, and when it leaves (None: quiet hours drop it)."""

    planned_at: datetime
    at: datetime | None
    index: int
    loop: int
    step: Step
    deferred: bool = False


def moments(policy: Policy, *, begun_at: datetime, severity: str) -> Iterator[Moment]:
    """Every step of every round, in the order in which they are planned.

    Deferring never changes that order: what is planned later never leaves earlier. Adding one more quiet period
    is worked out as it is asked for, so a caller that stops early pays for what it took.
    """
    for planned_at, loop, index in _planned(policy, begun_at + timedelta(seconds=policy.open_after_s)):
        settled = settle(policy.quiet, policy.zone, at=planned_at, severity=severity)
        yield Moment(planned_at, settled.at, index, loop, policy.steps[index], deferred=settled.at != planned_at)


def _planned(policy: Policy, start: datetime) -> list[tuple[datetime, int, int]]:
    return sorted(
        (start + timedelta(minutes=loop * policy.repeat.every_min + step.after_min), loop, index)
        for loop in range(policy.repeat.times + 1)
        for index, step in enumerate(policy.steps)
    )
