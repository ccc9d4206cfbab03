"""What a try-out found, with the phases of the exchange as bars."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.checks.models import CheckRequest
from apps.web.presenters import words
from apps.web.presenters.status import Shape

VERDICTS: dict[str, tuple[Shape, str]] = {
    "up": ("up", "Would be up"),
    "warning": ("degraded", "Would be degraded"),
    "down": ("down", "Would be down"),
    "unknown": ("unknown", "Could not be tried"),
}
PHASES = (("dns", "Name lookup"), ("connect", "Connect"), ("tls", "TLS"), ("ttfb", "First byte"))


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase: where it starts and how long it lasts in a bar of 100."""

    key: str
    label: str
    text: str
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Trial:
    """A try-out: running, or finished with its verdict."""

    name: str
    finished: bool
    shape: Shape = "pending"
    verdict: str = "Testing"
    sentence: str = ""
    phases: Sequence[Phase] = ()
    total: str = ""


def trial(request: CheckRequest) -> Trial:
    """The state of a draft check as its page shows it."""
    if request.done_at is None or request.result is None:
        return Trial(str(request.public_id), finished=False)
    result = request.result
    shape, verdict = VERDICTS.get(str(result.get("status")), VERDICTS["unknown"])
    phases = result.get("phases") or {}
    total = phases.get("total_us") or result.get("latency_us")
    return Trial(
        str(request.public_id),
        finished=True,
        shape=shape,
        verdict=verdict,
        sentence=_sentence(result),
        phases=_phases(phases, total),
        total=words.millis(total) if total else "",
    )


def _sentence(result: Mapping[str, Any]) -> str:
    detail = result.get("detail") or {}
    parts = []
    if result.get("status_code") is not None:
        parts.append(f"Answered {result['status_code']}.")
    if detail.get("answer"):
        parts.append(f"Records: {', '.join(str(record) for record in detail['answer'][:8])}.")
    if result.get("message"):
        parts.append(str(result["message"]).rstrip(".") + ".")
    certificate, registration = detail.get("tls") or {}, detail.get("domain") or {}
    if certificate.get("daysLeft") is not None:
        parts.append(f"Certificate: {certificate['daysLeft']} days left.")
    if registration.get("daysLeft") is not None:
        parts.append(f"Registration: {registration['daysLeft']} days left.")
    return " ".join(parts)


def _phases(phases: Mapping[str, Any], total: int | None) -> list[Phase]:
    known = [(key, label, phases.get(f"{key}_us")) for key, label in PHASES]
    found = [(key, label, us) for key, label, us in known if us is not None]
    whole = total or sum(us for *_, us in found)
    bars, x = [], 0.0
    for key, label, us in found:
        width = min(100 - x, 100 * us / whole) if whole else 0.0
        bars.append(Phase(key, label, words.millis(us), round(x, 2), max(0.6, round(width, 2))))
        x += width
    return bars
