"""Posts as stories: those with one key belong together, `resolved` ends the story. Pure; no rows, no clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

Phase = Literal["active", "planned", "past"]
# How long a notice without an end stays on the front page.
NOTICE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Post:
    """One update as visitors may see it."""

    id: str
    thread: str
    status: str
    title: str
    body: str
    html: str
    published_at: datetime
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    project_keys: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Thread:
    """One story, newest post first. Its title is the first post's: what it is about does not change."""

    key: str
    posts: Sequence[Post]

    @property
    def first(self) -> Post:
        return self.posts[-1]

    @property
    def title(self) -> str:
        return self.first.title

    @property
    def status(self) -> str:
        """What the newest post that moves the story says; a notice alone moves nothing."""
        return next((post.status for post in self.posts if post.status != "info"), "info")

    @property
    def is_maintenance(self) -> bool:
        return any(post.status == "maintenance" for post in self.posts)

    @property
    def starts_at(self) -> datetime:
        """The newest word on when it begins, else when the story was opened."""
        return next((post.starts_at for post in self.posts if post.starts_at), self.first.published_at)

    @property
    def ends_at(self) -> datetime | None:
        """When it was resolved, else the newest word on when it will end."""
        if self.status == "resolved":
            return next(post.published_at for post in self.posts if post.status != "info")
        return next((post.ends_at for post in self.posts if post.ends_at), None)

    def phase(self, now: datetime) -> Phase:
        """Going on, still to come, or over."""
        if self.status == "resolved":
            return "past"
        if self.is_maintenance or self.status == "info":
            return self._timed(now)
        return "active"

    def _timed(self, now: datetime) -> Phase:
        if self.starts_at > now:
            return "planned"
        end = self.ends_at
        if end is None and self.status == "info":
            end = self.first.published_at + NOTICE
        return "past" if end is not None and end <= now else "active"


def threads_of(posts: Iterable[Post]) -> list[Thread]:
    """Posts newest first as stories, the one with the newest post first."""
    found: dict[str, list[Post]] = {}
    for post in posts:
        found.setdefault(post.thread, []).append(post)
    return [Thread(key, told) for key, told in found.items()]
