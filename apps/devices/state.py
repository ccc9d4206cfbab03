"""How a device's state follows from its results: a pure function of the state before and one outcome.

```
unknown ─► up ⇄ warning (degraded | confirming | late) ⇄ down
```
A failure is confirmed by `retries` further failures in a row before the device is down; meanwhile it shows
`warning` and nobody is told. Pausing and maintenance are overlays and never enter here.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

from apps.devices.types import StateName

# Worst first without a CASE in every list, as DeviceState.rank keeps it.
RANK: dict[StateName, int] = {"up": 0, "unknown": 1, "warning": 2, "down": 3}
# As the metrics store spells a state (column `state`).
CODE: dict[StateName, int] = {"unknown": 0, "up": 1, "warning": 2, "down": 3}
CONFIRMING = "confirming"


class Outcome(NamedTuple):
    """What one source says about a device at one instant.

    `cause` is the reason word of contract Dashmon 6.1 (refused, expired, timeout ...), empty when up.
    `held` marks a state that is shown but announced to nobody (a heartbeat that is late and still in its grace).
    """

    at: datetime
    status: Literal["up", "warning", "down"]
    cause: str = ""
    cause_text: str = ""
    severity: str = ""
    # False: the check could not be run at all, so nothing is known about the target.
    measured: bool = True
    held: bool = False


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is stored of a device's state; `retries` is the device's own setting.

    `announced` is the state people were last told of when it differs from `state`, else empty.
    """

    state: StateName
    since: datetime
    streak: int = 0
    cause: str = ""
    cause_text: str = ""
    announced: StateName | Literal[""] = ""
    # How loud a settled warning is: `critical` where it is louder than warnings usually are, else empty.
    severity: str = ""
    # The newest failure that was counted into `streak`: told again, it does not count again.
    failed_at: datetime | None = None
    retries: int = 0

    @property
    def settled(self) -> StateName:
        """The state as it was last announced."""
        return self.announced or self.state

    @property
    def confirming(self) -> bool:
        """Whether failures have been seen that are not confirmed yet."""
        return self.state == "warning" and self.streak > 0


@dataclass(frozen=True, slots=True)
class Flip:
    """An announced change: `before` is what people knew, `after` what they are to know since `at`."""

    at: datetime
    before: StateName
    after: StateName
    cause: str
    cause_text: str
    severity: str


def advance(snapshot: Snapshot, outcome: Outcome) -> tuple[Snapshot, Flip | None]:
    """The state after one outcome, and the change to announce, if any. Contract Dashmon 9.1 (flap control).

    An outcome that was not measured, or that is older than the state it meets, changes nothing. A warning that grows
    critical is a change without a change of state: before and after are both `warning`.
    """
    if not outcome.measured or _is_stale(snapshot, outcome):
        return snapshot, None
    if outcome.status == "down":
        return _failed(snapshot, outcome)
    if outcome.held:
        return _moved(snapshot, outcome, state=outcome.status, streak=0, announced=snapshot.settled), None
    return _announced(snapshot, outcome, state=outcome.status, streak=0)


def _is_stale(snapshot: Snapshot, outcome: Outcome) -> bool:
    if snapshot.failed_at is not None and outcome.at <= snapshot.failed_at:
        return True
    # A new device's first slot may begin a moment before the row was written.
    return snapshot.state != "unknown" and outcome.at < snapshot.since


def _failed(snapshot: Snapshot, outcome: Outcome) -> tuple[Snapshot, Flip | None]:
    streak = snapshot.streak + 1
    if snapshot.state == "down":
        # How long a known outage lasts is in the results; a row per failed check would be all cost.
        return _announced(snapshot, outcome, state="down", streak=snapshot.streak)
    if streak <= snapshot.retries:
        return _moved(snapshot, outcome, state="warning", streak=streak, announced=snapshot.settled), None
    return _announced(snapshot, outcome, state="down", streak=streak)


def _announced(snapshot: Snapshot, outcome: Outcome, *, state: StateName, streak: int) -> tuple[Snapshot, Flip | None]:
    after = _moved(snapshot, outcome, state=state, streak=streak, announced="")
    if snapshot.settled == state and snapshot.severity == after.severity:
        return after, None
    flip = Flip(outcome.at, snapshot.settled, state, outcome.cause, outcome.cause_text, outcome.severity)
    return after, flip


def _moved(
    snapshot: Snapshot,
    outcome: Outcome,
    *,
    state: StateName,
    streak: int,
    announced: StateName | Literal[""],
) -> Snapshot:
    changed = state != snapshot.state
    # The sentence of a lasting fault often carries a number that moves; it is kept as it was first said.
    loudness = _loudness(snapshot, outcome, state=state, streak=streak)
    reworded = changed or outcome.cause != snapshot.cause or loudness != snapshot.severity
    return replace(
        snapshot,
        state=state,
        since=outcome.at if changed else snapshot.since,
        streak=streak,
        failed_at=outcome.at if state == "warning" and streak > 0 else None,
        severity=loudness,
        cause=outcome.cause,
        cause_text=outcome.cause_text if reworded else snapshot.cause_text,
        announced=announced if announced != state else "",
    )


def _loudness(snapshot: Snapshot, outcome: Outcome, *, state: StateName, streak: int) -> str:
    """The severity to remember: of a warning that people are told of. What is only being confirmed changes nothing.

    Within one warning it only grows, so that a result that comes late takes nothing back.
    """
    if state != "warning":
        return ""
    known = snapshot.severity if snapshot.settled == "warning" else ""
    if streak > 0 or outcome.held:
        return known
    return known or ("critical" if outcome.severity == "critical" else "")
