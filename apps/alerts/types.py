"""What a rule looks at and what it has to say: plain frozen values between alerts and its neighbours."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from apps.common.values import Ref
from apps.devices.types import FlapMark, StateName

# missing: nothing is known any more, which is neither trouble nor recovery. notice: it happened, and is over.
# gone: the rule no longer speaks about the subject; what is open closes silently.
VerdictKind = Literal["bad", "ok", "missing", "notice", "gone"]
SeverityName = Literal["critical", "warning", "info"]
# Why something closes without a word; `condition_cleared` is the only end that speaks.
SilentReason = Literal["rule_updated", "rule_disabled", "rule_deleted", "unmounted", "subject_deleted", "stale"]


@dataclass(frozen=True, slots=True)
class Subject:
    """A node, container, instance or device as rules see it; whoever owns its row hands it in.

    `number` is what covers name. `last_seen_at` is the newest report (None: there never was one), and silence longer
    than `stale_after_s` makes what it last said stale. `before` holds the values that were known until now, `used`
    what a store of traffic knows of a counter since the start of a cycle: (metric, start) to bytes. `facts` are for
    messages only: of a node `mem_total`, `swap_total`, `disk_total` (bytes), `ipv4` and `ipv6`; of a container `id`,
    `state` and `host`, the name of the machine it runs on.
    """

    workspace_id: int
    ref: Ref
    number: int
    name: str
    project_id: int | None = None
    cores: float | None = None
    stale_after_s: float = 14
    latency_limit_us: float | None = None
    last_seen_at: datetime | None = None
    before: Mapping[str, float | None] = field(default_factory=dict)
    used: Mapping[tuple[str, datetime], float] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sample:
    """What one subject reported at one instant, exactly as it said it: only storage rounds.

    `at` is the server's clock and orders samples; `observed_at` is the reporter's own and measures durations only.
    A `silent` one reports nothing but its silence: what else was known stands as it did.
    """

    subject: Subject
    at: datetime
    values: Mapping[str, float | None]
    observed_at: datetime | None = None
    silent: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's reading of one fact about one subject.

    `at` is the instant that proves it. `severity` is what an incident would have now. `before` and `after` are
    the subject's states; equal ones restate a known state (the end of a maintenance window) and are no change. Rules
    about values know no states and leave both None: they say `metric`, `value` and `threshold` instead, `title` in
    one line, and `generation`, the rule's, at which they were judged. `observed_at` and `pending_since` are by the
    reporter's clock. `name` and `project_id` are the subject's, as they were when the rule was read; `facts` are what
    messages may want besides: the subject's own, its `number`, and `values`, what it reported by column.
    """

    workspace_id: int
    rule_id: int
    ref: Ref
    at: datetime
    kind: VerdictKind
    severity: SeverityName
    cause: str
    cause_text: str
    before: StateName | None
    after: StateName | None
    in_maintenance: bool
    name: str
    project_id: int | None
    flapping: FlapMark = ""
    # Primary keys of the devices this one depends on, for verdicts that may open an incident.
    parents: tuple[int, ...] = ()
    title: str = ""
    metric: str = ""
    value: float | None = None
    threshold: float | None = None
    generation: int = 0
    observed_at: datetime | None = None
    pending_since: datetime | None = None
    # Why a verdict of kind `gone` closes what is open.
    reason: SilentReason | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)
