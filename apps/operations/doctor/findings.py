"""What a look found."""

from dataclasses import asdict, dataclass
from typing import Literal

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about one subject; a problem keeps something from working, a warning may be meant."""

    subject: str
    level: Level
    said: str
    cure: str = ""

    def as_dict(self) -> dict[str, str]:
        return asdict(self)


def fine(subject: str, said: str) -> Finding:
    return Finding(subject, "ok", said)


def warning(subject: str, said: str, cure: str = "") -> Finding:
    return Finding(subject, "warning", said, cure)


def problem(subject: str, said: str, cure: str = "") -> Finding:
    return Finding(subject, "problem", said, cure)
