"""What a rule has to say about one fact: a plain frozen value between alerts and incidents."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.common.values import Ref
from apps.devices.types import FlapMark, StateName

# missing: nothing is known any more, which is neither trouble nor recovery.
VerdictKind = Literal["bad", "ok", "missing"]
SeverityName = Literal["critical", "warning"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """One rule's reading of one change of one subject.

    `at` is the instant that proves it. `severity` is what an incident would have now. `before` and `after` are
    the subject's states; equal ones restate a known state (the end of a maintenance window) and are no change.
    `name` and `project_id` are the subject's, as they were when the rule was read.
    """

    workspace_id: int
    rule_id: int
    ref: Ref
    at: datetime
    kind: VerdictKind
    severity: SeverityName
    cause: str
    cause_text: str
    before: StateName
    after: StateName
    in_maintenance: bool
    name: str
    project_id: int | None
    flapping: FlapMark = ""
    # Primary keys of the devices this one depends on, for verdicts that may open an incident.
    parents: tuple[int, ...] = ()
