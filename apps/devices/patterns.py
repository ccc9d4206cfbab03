"""Regular expressions that users write: what is accepted, and a search that cannot run away."""

import re
from functools import lru_cache

import regex

MAX_LENGTH = 500
# Counted repeats are unrolled when a pattern is compiled, before any time cap can help.
MAX_REPEATS = 2_000
SEARCH_SECONDS = 0.05

_COUNT = re.compile(r"(\)?)[?+]?\{\s*(\d*)\s*(?:,\s*(\d*)\s*)?\}")
_FLAGS = re.compile(r"\(\?([A-Za-z0-9-]+)[:)]")
_HARMLESS_FLAGS = frozenset("ims-")


class PatternError(ValueError):
    """The text is not a regular expression this product runs; the message says why."""


@lru_cache(maxsize=1024)
def compile_pattern(text: str) -> regex.Pattern[str]:
    """The compiled form of a user's pattern; PatternError when it is refused (contract Dashmon 6.1).

    Refused: more than 500 characters, bad syntax, counted repeats that multiply beyond 2,000, and the
    constructs that would hide such repeats from the count (comments, verbose mode, recursion).
    """
    if len(text) > MAX_LENGTH:
        raise PatternError(f"a pattern has at most {MAX_LENGTH} characters")
    _refuse_bombs(text)
    try:
        return regex.compile(text)
    except (regex.error, ValueError, KeyError, IndexError, OverflowError, RecursionError) as error:
        raise PatternError("not a valid regular expression") from error


def search(text: str, subject: str, *, seconds: float = SEARCH_SECONDS) -> bool | None:
    """Whether the pattern occurs anywhere in the subject; None when the time cap was reached."""
    try:
        return compile_pattern(text).search(subject, timeout=seconds) is not None
    except TimeoutError:
        return None


def _refuse_bombs(text: str) -> None:
    if "(?#" in text or any(set(flags) - _HARMLESS_FLAGS for flags in _FLAGS.findall(text)):
        raise PatternError("comments, recursion and flags other than i, m and s are not supported")
    groups, largest = 1, 1
    for closing, low, high in _COUNT.findall(text):
        count = max(_count(low), _count(high), 1)
        if closing:
            groups *= count
        else:
            largest = max(largest, count)
        if groups * largest > MAX_REPEATS:
            raise PatternError(f"counted repeats may multiply to at most {MAX_REPEATS}")


def _count(digits: str) -> int:
    # A count too long to be meant is as good as too large, and cheaper than parsing it.
    return (int(digits) if len(digits) <= 6 else MAX_REPEATS + 1) if digits else 0
