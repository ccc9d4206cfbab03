"""The operator's page in words: what runs, what waits and what to do about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.common.storage import Trouble
from apps.operations.backlog import Queue
from apps.operations.faults import Fault
from apps.operations.models import ProcessReport
from apps.operations.processes import SILENT
from apps.operations.storage import Size
from apps.web.installation import Installation
from apps.web.presenters import words
from apps.web.presenters.monitor import Fact

# Name, and what to do while it is behind.
QUEUES: Mapping[str, tuple[str, str]] = {
    "checks": (
        "Due checks",
        "Checks run late. Is a worker or the background running? If all engine slots are in use, add workers.",
    ),
    "requests": ("Checks asked for", ""),
    "inbox": ("Results to seal", "Charts are still right and reads get slower. See the step seal and the database."),
    "rollups": ("Roll-ups to compute", ""),
    "events": ("Events to plan", "Nobody hears of these yet. See the step fan-out, its failures and the log."),
    "escalations": ("Steps to take", "People are not called in time. See the step escalate and the log."),
    "deliveries": ("Messages to send", "Messages leave late. See the failing channels below and the step deliver."),
    "planned": ("Messages planned", ""),
    "reports": ("Reports to make", "Reports leave late. See the step reports and the log."),
    "erasures": (
        "Closed workspaces to erase",
        "They stay longer than their owners were told. See the step erase.",
    ),
    "posts": ("Posts to subscribers", "Subscribers wait for posts of status pages. See the step subscribers."),
}
PROCESSES = {"server": "Server", "background": "Background", "worker": "Worker", "beat": "Beat"}
FAULTS = {"event": "Event waits", "delivery": "Message given up", "channel": "Channel fails"}
TIERS = {0: "raw results", 1: "5 min", 2: "1 h", 3: "1 d", 4: "traffic", 5: "reports"}
TABLES_SHOWN = 12
MAKE_ROOM = (
    "Make room on its disk, or see what is wrong with it. Meanwhile agents and jobs are told to come again, and what"
    " was not checked is recorded. Then everything goes on by itself."
)
KB = 1000


@dataclass(frozen=True, slots=True)
class QueueRow:
    name: str
    state: str  # up, degraded
    word: str
    waiting: str
    lag: str
    leases: str
    cure: str


@dataclass(frozen=True, slots=True)
class ProcessRow:
    name: str
    state: str
    word: str
    seen: str
    up: str
    slots: str
    memory: str
    version: str


@dataclass(frozen=True, slots=True)
class StepRow:
    name: str
    last: str
    runs: str
    failures: str
    mean: str


@dataclass(frozen=True, slots=True)
class SizeRow:
    name: str
    part: str
    rows: str
    size: str
    growth: str


@dataclass(frozen=True, slots=True)
class FaultRow:
    kind: str
    at: datetime
    ago: str
    workspace: str
    subject: str
    said: str


@dataclass(frozen=True, slots=True)
class OperatorView:
    """Everything the page shows, worst first."""

    at: datetime
    cures: Sequence[tuple[str, str]]
    stats: Sequence[Fact]
    queues: Sequence[QueueRow]
    processes: Sequence[ProcessRow]
    steps: Sequence[StepRow]
    sizes: Sequence[SizeRow]
    measured: str
    faults: Sequence[FaultRow]
    versions: Sequence[str]


def operator_view(seen: Installation, faults: Sequence[Fault], trouble: Trouble | None = None) -> OperatorView:
    """The page of one look."""
    queues = sorted(seen.queues, key=lambda queue: not queue.is_behind)
    rows = [_queue(queue) for queue in queues]
    cures = [(row.name, row.cure) for row in rows if row.cure]
    if trouble is not None:
        since = f"{trouble.since:%H:%M:%S} UTC"
        cures.insert(0, ("Nothing can be written", f"Since {since} the database says: {trouble.said}. {MAKE_ROOM}"))
    elif not any(_is_alive(row, seen.at) for row in seen.running):
        cures.insert(0, ("Nothing runs", "No process has reported lately. Start the server, workers and beat."))
    elif seen.schedule.stalled and not seen.slots:
        cures.insert(0, ("No checks are run", "Only the server reports. Start a worker and the beat."))
    return OperatorView(
        at=seen.at,
        cures=cures,
        stats=_stats(seen),
        queues=rows,
        processes=[_process(row, seen.at) for row in seen.running],
        steps=_steps(seen),
        sizes=[_size(one) for one in seen.storage.sizes if one.size or one.rows][:TABLES_SHOWN],
        measured="" if seen.storage.measured_at is None else words.ago(seen.storage.measured_at, seen.at),
        faults=[_fault(fault, seen.at) for fault in faults],
        versions=[f"Dashmon {seen.version}", seen.database],
    )


def _is_alive(row: ProcessReport, at: datetime) -> bool:
    return at - row.seen_at <= SILENT


def _stats(seen: Installation) -> Sequence[Fact]:
    executed = int(sum(seen.labelled("checks_executed").values()))
    missed = int(sum(seen.labelled("checks_not_measured").values()))
    share = words.share((executed, executed + missed)) if executed + missed else words.NOTHING
    note = f"{words.grouped(executed)} run, {words.grouped(missed)} not measured, ever"
    return (
        Fact("Oldest due check", span(seen.schedule.check_lag), note="5 s and less is usual"),
        Fact("Checks needed", f"{seen.schedule.due_per_second:.1f}", "a second"),
        Fact("Checks executed", share, note=note),
        Fact("Engine slots", words.grouped(seen.slots_used), f"of {words.grouped(seen.slots)}", "under way now"),
        Fact("Database", size(seen.database_size), note=seen.database),
        Fact("Workspaces", words.grouped(seen.workspaces)),
    )


def _queue(queue: Queue) -> QueueRow:
    name, cure = QUEUES[queue.name]
    leases = words.grouped(queue.held) if queue.held else words.NOTHING
    if queue.expired:
        leases = f"{words.grouped(queue.held)}, {words.grouped(queue.expired)} expired"
    return QueueRow(
        name=name,
        state="degraded" if queue.is_behind else "up",
        word="Behind" if queue.is_behind else "Keeps up",
        waiting=f"{words.grouped(queue.waiting)}{'+' if queue.is_capped else ''}",
        lag=span(queue.lag),
        leases=leases,
        cure=cure if queue.is_behind else "",
    )


def _process(row: ProcessReport, at: datetime) -> ProcessRow:
    alive = _is_alive(row, at)
    return ProcessRow(
        name=f"{PROCESSES[row.kind]} {row.pid} on {row.host}",
        state="up" if alive else "down",
        word="Runs" if alive else "Silent",
        seen=words.ago(row.seen_at, at),
        up=words.duration((at - row.started_at).total_seconds()),
        slots=f"{row.slots_used} of {row.slots}" if row.slots else words.NOTHING,
        memory=size(row.rss_bytes),
        version=row.version,
    )


def _steps(seen: Installation) -> Sequence[StepRow]:
    runs, failures, seconds = (seen.labelled(f"step_{what}") for what in ("runs", "failures", "seconds"))
    names = sorted({*runs, *failures}, key=lambda name: (-failures.get(name, 0), name))
    return [
        StepRow(
            name=name,
            last=f"{words.duration(seen.step_ages[name].total_seconds())} ago" if name in seen.step_ages else "never",
            runs=words.grouped(int(runs.get(name, 0))),
            failures=words.grouped(int(failures.get(name, 0))),
            mean=words.millis(seconds.get(name, 0) / runs[name] * 1_000_000) if runs.get(name) else words.NOTHING,
        )
        for name in names
    ]


def _size(one: Size) -> SizeRow:
    growth = words.NOTHING if one.growth is None else f"{'-' if one.growth < 0 else '+'}{size(abs(int(one.growth)))}/d"
    return SizeRow(
        name=one.table,
        part="" if one.tier is None else TIERS.get(one.tier, str(one.tier)),
        rows=words.NOTHING if one.rows is None else words.grouped(one.rows),
        size=size(one.size),
        growth=growth,
    )


def _fault(fault: Fault, at: datetime) -> FaultRow:
    return FaultRow(FAULTS[fault.kind], fault.at, words.ago(fault.at, at), fault.workspace, fault.subject, fault.said)


def span(lag: timedelta | None) -> str:
    """`0.4 s`, `12 s`, `4 min`; a dash when nothing waits."""
    if lag is None:
        return words.NOTHING
    seconds = lag.total_seconds()
    return f"{seconds:.1f} s" if seconds < 10 else words.duration(seconds)


def size(count: int | None) -> str:
    """`812 B`, `4.1 kB`, `96 MB`."""
    if count is None:
        return words.NOTHING
    amount = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < KB:
            return f"{amount:.0f} {unit}" if unit == "B" or amount >= 10 else f"{amount:.1f} {unit}"
        amount /= KB
    return f"{amount:.1f} TB"
