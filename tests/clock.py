"""A clock that stands still until it is told to go on."""

from datetime import datetime, timedelta


class Clock:
    """The instant at which requests happen."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **parts: float) -> None:
        self.now += timedelta(**parts)
