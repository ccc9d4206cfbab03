"""What a verdict does to the incident of its subject: a pure function of both."""

from typing import Literal

from apps.alerts.types import Verdict

# withdrawn: it closes and nobody is told. noticed: it opens and is over at once.
Step = Literal["opened", "worsened", "eased", "closed", "changed", "flapping", "released", "withdrawn", "noticed"]
RANK = {"warning": 1, "down": 2}
LOUDNESS = {"info": 1, "warning": 2, "critical": 3}
TITLE = {"down": "{name} is down", "warning": "{name} is degraded"}


def step_for(verdict: Verdict, *, open_state: str | None, open_severity: str = "") -> Step | None:
    """The one event a verdict leaves behind, or None where it says nothing new.

    `open_state` is the state the open incident last took note of, None without an open incident, and
    `open_severity` how loud it is: within one state a verdict may be louder or quieter. Nothing opens inside a
    maintenance window (contract Dashmon 8); what opened before it may change and close in it.
    """
    if verdict.kind == "notice":
        return None if verdict.in_maintenance else "noticed"
    if verdict.kind == "gone":
        return None if open_state is None else "withdrawn"
    if verdict.flapping:
        return _flapping(verdict, open_state)
    step = _trouble(verdict, open_state, open_severity) if verdict.kind == "bad" else _relief(verdict, open_state)
    if step == "changed" and verdict.before == verdict.after:
        return None
    return step


def _trouble(verdict: Verdict, open_state: str | None, open_severity: str) -> Step:
    if open_state is None:
        return "changed" if verdict.in_maintenance else "opened"
    difference = RANK.get(verdict.after or "", 0) - RANK.get(open_state, 0)
    if difference == 0 and open_severity:
        difference = LOUDNESS[verdict.severity] - LOUDNESS[open_severity]
    if difference == 0:
        return "changed"
    return "worsened" if difference > 0 else "eased"


def _relief(verdict: Verdict, open_state: str | None) -> Step:
    # Not knowing is no recovery: an incident stays open until its subject is seen up.
    return "closed" if verdict.kind == "ok" and open_state is not None else "changed"


def _flapping(verdict: Verdict, open_state: str | None) -> Step | None:
    """One incident spans the whole flapping: it neither closes nor opens anew until the subject has settled."""
    bad, is_open = verdict.kind == "bad", open_state is not None
    if verdict.flapping == "began":
        return "flapping" if bad or is_open else "changed"
    if verdict.flapping == "on":
        return "changed"
    if bad:
        return "released" if is_open else "opened"
    return "closed" if is_open and verdict.kind == "ok" else None


def title_of(verdict: Verdict) -> str:
    """`Till 1 is down`, or what the rule says itself: the incident in one line."""
    return (verdict.title or TITLE.get(verdict.after or "", "{name}").format(name=verdict.name))[:200]


def key_of(verdict: Verdict) -> str:
    """The name of the fact itself: the same change of the same subject under the same rule, told again or not."""
    fact = f"{verdict.rule_id}:{verdict.ref.kind}:{verdict.ref.id}:{verdict.at.isoformat()}"
    if verdict.kind == "notice":
        return f"{fact}:notice:{verdict.cause[:32]}"
    if verdict.metric:
        return f"{fact}:{verdict.generation}:{verdict.kind}"
    return f"{fact}:{verdict.before}:{verdict.after}"
