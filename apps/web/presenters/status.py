"""A monitor's state as a person reads it: one of seven shapes, a word, and how long."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from apps.web.presenters import words

Shape = Literal["up", "down", "degraded", "maintenance", "pending", "paused", "unknown"]

WORDS: dict[Shape, str] = {
    "up": "Up",
    "down": "Down",
    "degraded": "Degraded",
    "maintenance": "Maintenance",
    "pending": "First check",
    "paused": "Paused",
    "unknown": "Unknown",
}
SHAPES: dict[str, Shape] = {"up": "up", "down": "down", "warning": "degraded", "unknown": "unknown"}
# A warning says which one it is, a heartbeat that did not come is late rather than down.
CAUSES = {
    "expiring": "Expires",
    "expires_soon": "Expires",
    "degraded_ms": "Slow",
    "slow": "Slow",
    "overrun": "Overrun",
    "missed": "Late",
    "late": "Late",
}


@dataclass(frozen=True, slots=True)
class StatusView:
    """What `components/status.html` draws."""

    shape: Shape
    word: str
    since: str = ""  # "4 min", "to 15:30", "in 20 s"; empty where it would say nothing


def of_state(
    *, state: str, cause: str = "", since: datetime | None, now: datetime, confirming: bool = False
) -> StatusView:
    """A stored state that neither a pause nor a maintenance window covers."""
    shape = SHAPES.get(state, "unknown")
    word = WORDS[shape]
    if shape in {"degraded", "down"}:
        word = "Confirming" if confirming else CAUSES.get(cause, word)
    lasted = words.duration((now - since).total_seconds()) if since is not None else ""
    # A healthy list stays quiet: how long something has been up is on its own page.
    return StatusView(shape, word, "" if shape == "up" else lasted)


def paused(*, since: datetime | None, now: datetime) -> StatusView:
    """Nobody asks, so nothing is known."""
    return StatusView("paused", WORDS["paused"], "" if since is None else words.duration((now - since).total_seconds()))


def maintenance(*, until: str) -> StatusView:
    """Silenced on purpose; `until` is a local time or empty when it has no end."""
    return StatusView("maintenance", WORDS["maintenance"], f"to {until}" if until else "no end set")


def pending(*, note: str = "") -> StatusView:
    """Watched, and never checked yet."""
    return StatusView("pending", WORDS["pending"], note)
