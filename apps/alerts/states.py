"""Where a rule stands with one subject: a pure function of where it stood and of what was reported.

```
idle ─bad─► pending ─held─► firing ─clear─► cooldown ─► idle
```
Contract Dash 9.4 and Nezha 2.7. A rule is bad when every condition has been bad for as long as it asks.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from apps.alerts import cycles, windows
from apps.alerts.columns import SILENCE, value_of
from apps.alerts.conditions import Condition, Reading, covers, has_limit, read
from apps.alerts.cycles import Cycle, Used
from apps.alerts.memory import NOTHING, Memory
from apps.alerts.types import Sample, SeverityName, SilentReason, Subject
from apps.alerts.windows import Share, Streak, Ticks

Phase = Literal["idle", "pending", "firing", "cooldown"]
TurnKind = Literal["opened", "cleared", "notice", "gone"]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as it is judged by. `changed_at` began its generation: nothing counts that was before."""

    pk: int
    workspace_id: int
    number: int
    name: str
    generation: int
    changed_at: datetime
    conditions: tuple[Condition, ...]
    severity: SeverityName
    cooldown_s: int = 0
    closes_when_stale: bool = False
    # Primary keys of the projects that the rule's owner reaches; None: all, and rows of no project.
    projects: frozenset[int] | None = None

    @property
    def hears_silence(self) -> bool:
        """Whether it has something to say while nothing is reported."""
        return any(condition.metric == SILENCE for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a rule stands: the phase, since when it fires, until when it rests, and what its conditions remember."""

    phase: Phase = "idle"
    since: datetime | None = None
    until: datetime | None = None
    memories: tuple[Memory, ...] = ()


@dataclass(frozen=True, slots=True)
class Turn:
    """What a report did: trouble opened, it cleared, something happened once (notice), or the rule fell silent (gone).

    `at` is by the clock that the rule goes by: the reporter's, or the server's where silence is judged. `reason` says
    why a rule fell silent; it then has no value to show.
    """

    kind: TurnKind
    at: datetime
    pending_since: datetime | None
    metric: str
    value: float | None = None
    threshold: float | None = None
    reason: SilentReason | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """Where the rule stands now, what turned, if anything, and the reading that people are shown."""

    standing: Standing
    turn: Turn | None = None
    reading: Reading | None = None


@dataclass(frozen=True, slots=True)
class _Judged:
    """One condition after one report: whether its badness is held (None: unknown), and since when."""

    condition: Condition
    held: bool | None
    memory: Memory
    reading: Reading | None
    at: datetime
    since: datetime


IDLE = Standing()


def can_judge(rule: Rule, subject: Subject) -> bool:
    """Whether the subject has what the rule holds it to."""
    return all(has_limit(condition, subject) for condition in rule.conditions)


def is_about(rule: Rule, subject: Subject) -> bool:
    """Whether the rule covers the subject and its owner reaches it: nobody's rule looks where its owner may not."""
    if not can_judge(rule, subject):
        return False
    if rule.projects is not None and subject.project_id not in rule.projects:
        return False
    return covers(rule.conditions, subject.number)


def meet(
    rule: Rule, standing: Standing, sample: Sample, *, now: datetime, known_since: datetime, may_open: bool = True
) -> Step:
    """`step` for any rule of the subject's kind: one that does not cover it (any more) falls silent.

    Of a subject that is silent for too long only rules about silence have something to say; the others keep what they
    stood at, or close it without a word where they are told to.
    """
    if not is_about(rule, sample.subject):
        return _fall_silent(rule, standing, at=now, reason="unmounted")
    silence = sample.values.get(SILENCE) if sample.silent else 0
    stale = silence is not None and silence > sample.subject.stale_after_s
    if not sample.silent or rule.hears_silence:
        return step(rule, standing, sample, now=now, known_since=known_since, may_open=may_open)
    if not stale or not rule.closes_when_stale or standing.phase == "cooldown":
        return Step(standing)
    return _fall_silent(rule, standing, at=now, reason="stale")


def _fall_silent(rule: Rule, standing: Standing, *, at: datetime, reason: SilentReason) -> Step:
    if standing.phase != "firing":
        return Step(IDLE)
    return Step(IDLE, Turn("gone", at, None, rule.conditions[0].metric, reason=reason))


def step(
    rule: Rule, standing: Standing, sample: Sample, *, now: datetime, known_since: datetime, may_open: bool = True
) -> Step:
    """One report of one subject, or a look at a silent one, judged by one rule that is about it.

    `known_since` is when the subject was first judged. With `may_open` false (a maintenance window, the first minute
    after a start) nothing opens: what would stays pending and opens with the next report that may.
    """
    if standing.phase == "cooldown":
        if standing.until is not None and now < standing.until:
            return Step(standing)
        standing = IDLE
    judged = [
        _judge(condition, memory, rule, sample, max(rule.changed_at, known_since))
        for condition, memory in zip(rule.conditions, _memories(rule, standing), strict=True)
    ]
    held = _all([one.held for one in judged])
    after = replace(standing, memories=tuple(one.memory for one in judged))
    if any(condition.op == "changed" for condition in rule.conditions):
        return Step(IDLE, _turn("notice", judged) if held and may_open else None)
    if held is None or held == (standing.phase == "firing"):
        return Step(_resting(after), None, judged[0].reading)
    if not held:
        return Step(_cleared(rule, after, judged, now=now), _turn("cleared", judged), judged[0].reading)
    if not may_open:
        return Step(_resting(after), None, judged[0].reading)
    return Step(replace(after, phase="firing", since=judged[0].at), _turn("opened", judged), judged[0].reading)


def _memories(rule: Rule, standing: Standing) -> tuple[Memory, ...]:
    # A built-in rule may have got other conditions since: then it begins anew.
    kept = len(standing.memories) == len(rule.conditions)
    return standing.memories if kept else (NOTHING,) * len(rule.conditions)


def _all(held: list[bool | None]) -> bool | None:
    if False in held:
        return False
    return None if None in held else True


def _resting(standing: Standing) -> Standing:
    """The phase that what is remembered makes, unless it fires."""
    if standing.phase == "firing":
        return standing
    remembers = any(not memory.empty for memory in standing.memories)
    return replace(standing, phase="pending") if remembers else IDLE


def _cleared(rule: Rule, after: Standing, judged: list[_Judged], *, now: datetime) -> Standing:
    if not rule.cooldown_s:
        return _resting(Standing("idle", memories=after.memories))
    # The rest is told by the reporter's clock, but a clock that is ahead does not make it longer.
    return Standing("cooldown", until=min(judged[0].at, now) + timedelta(seconds=rule.cooldown_s))


def _turn(kind: TurnKind, judged: list[_Judged]) -> Turn:
    shown = next((one for one in judged if not one.held), judged[0])
    reading = shown.reading or Reading(False, 0, None)
    since = max(one.since for one in judged)
    return Turn(kind, judged[0].at, since, shown.condition.metric, reading.value, reading.threshold)


def _judge(condition: Condition, memory: Memory, rule: Rule, sample: Sample, known_since: datetime) -> _Judged:
    at = _clock(condition, sample)
    if isinstance(condition.window, Cycle):
        used, reading = _used(condition, condition.window, memory, sample)
        return _Judged(condition, reading.bad if reading else None, Memory(used=used), reading, at, at)
    reading = None if sample.silent and condition.metric != SILENCE else _read(condition, sample)
    if isinstance(condition.window, Share):
        ticks = _ticks(condition.window, memory.ticks, reading, sample, known_since)
        held = ticks is not None and windows.is_held(condition.window, ticks)
        return _Judged(condition, held, Memory(ticks=ticks), reading, at, at)
    if reading is None:
        return _Judged(condition, None, memory, None, at, memory.since or at)
    if not isinstance(condition.window, Streak) or not reading.bad:
        return _Judged(condition, reading.bad, NOTHING, reading, at, at)
    since = memory.since or max(rule.changed_at, at)
    held = at - since >= timedelta(seconds=condition.window.seconds)
    return _Judged(condition, held, Memory(since=since), reading, at, since)


def _clock(condition: Condition, sample: Sample) -> datetime:
    if condition.metric == SILENCE or sample.observed_at is None:
        return sample.at
    return sample.observed_at


def _read(condition: Condition, sample: Sample) -> Reading | None:
    value, before = value_of(sample.values, condition.metric), value_of(sample.subject.before, condition.metric)
    return read(condition, value, sample.subject, before=before)


def _ticks(
    window: Share, ticks: Ticks | None, reading: Reading | None, sample: Sample, known_since: datetime
) -> Ticks | None:
    """The window after the sample; None when there is no bad tick in it to remember."""
    if reading is None and ticks is None:
        return None
    bad = reading.bad if reading is not None else bool(ticks and ticks.newest_is_bad)
    if ticks is None and not bad:
        return None
    seen = windows.observe(window, ticks, bad=bad, at=sample.at, known_since=known_since)
    return None if seen.quiet else seen


def _used(condition: Condition, cycle: Cycle, memory: Memory, sample: Sample) -> tuple[Used | None, Reading | None]:
    """What a counter gained in the cycle of the sample, and what the condition makes of it."""
    counter = value_of(sample.values, condition.metric)
    if counter is None:
        known = memory.used.amount if memory.used is not None else None
        return memory.used, read(condition, known, sample.subject)
    used = cycles.count(cycle, memory.used, counter=counter, at=sample.at)
    total = sample.subject.used.get((condition.metric, used.start))
    if memory.used is None and total is not None:
        # Only a store knows what passed before the first reading; from here on the readings tell.
        used = replace(used, amount=total)
    amount = used.amount if total is None else total
    return cycles.settled(cycle, used, memory.used), read(condition, amount, sample.subject)
