"""Versions of agents: strict SemVer, and when a wished-for version is still owed (contract Dash 4)."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import zip_longest

LENGTH = 64
# The oldest agent that updates itself.
UPDATABLE_FROM = "0.2.1"
_NUMBER = r"(?:0|[1-9]\d*)"
_SHAPE = re.compile(
    rf"(?P<core>{_NUMBER}\.{_NUMBER}\.{_NUMBER})"
    rf"(?:-(?P<pre>(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:{_NUMBER}|\d*[A-Za-z-][0-9A-Za-z-]*))*))?"
    r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Version:
    """What decides about precedence: three numbers and the words of a prerelease, none for a release."""

    core: tuple[int, ...]
    words: tuple[str, ...]


def parse(text: str) -> Version | None:
    """A strict semantic version without `v`, or None."""
    return _parsed(text) if len(text) <= LENGTH else None


@lru_cache(maxsize=1024)
def _parsed(text: str) -> Version | None:
    # Every report says one, and nearly all of them the same few.
    found = _SHAPE.fullmatch(text)
    if found is None:
        return None
    words = tuple(found["pre"].split(".")) if found["pre"] else ()
    return Version(tuple(map(int, found["core"].split("."))), words)


def compare(left: str, right: str) -> int:
    """-1, 0 or 1 by precedence; build metadata counts for nothing. ValueError when one of them is no version."""
    one, other = parse(left), parse(right)
    if one is None or other is None:
        raise ValueError(f"{left!r} and {right!r} are not both versions")
    if one.core != other.core:
        return -1 if one.core < other.core else 1
    if bool(one.words) != bool(other.words):
        return -1 if one.words else 1
    return next((turn for turn in map(_compare_words, *_level(one.words, other.words)) if turn), 0)


def updates_itself(version: str, *, floor: str = UPDATABLE_FROM) -> bool:
    """Whether an agent of this version takes an update; one that nobody can read does not."""
    return parse(version) is not None and compare(version, floor) >= 0


def is_owed(*, reported: str, wanted: str) -> bool:
    """Whether the wish still stands: not the very text, and nothing of higher precedence (contract Dash 4).

    Equal precedence with other build metadata is another build, so it is still delivered.
    """
    if not wanted or reported == wanted:
        return False
    return parse(reported) is None or compare(reported, wanted) <= 0


def _level(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[list[str | None], list[str | None]]:
    pairs = list(zip_longest(left, right))
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def _compare_words(left: str | None, right: str | None) -> int:
    if left is None or right is None:
        return (left is not None) - (right is not None)
    if left.isdecimal() and right.isdecimal():
        return (int(left) > int(right)) - (int(left) < int(right))
    if left.isdecimal() != right.isdecimal():
        return -1 if left.isdecimal() else 1
    return (left > right) - (left < right)
