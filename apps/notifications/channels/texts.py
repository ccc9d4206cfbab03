"""A message as lines, and what of it fits where a service sets a limit."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

Escape = Callable[[str], str]


def plain(payload: Mapping[str, Any], *, longest: int = 4000) -> str:
    """Title, sentence, facts and address, one a line."""
    lines = [payload["title"], payload["text"], *facts_of(payload)]
    return fitted(lines, payload.get("url", ""), longest=longest)


def facts_of(payload: Mapping[str, Any]) -> list[str]:
    """The facts, one a line."""
    return [f"{label}: {value}" for label, value in payload.get("facts", ())]


def fitted(lines: Iterable[str], last: str, *, longest: int, escape: Escape = str) -> str:
    """As much of the lines as fits before the last one, which says where to look and is always there, unescaped."""
    room = longest - size(last) - 1
    kept = []
    for line in filter(None, lines):
        kept.append(cut(line, room, escape))
        room -= size(kept[-1]) + 1
        if room <= 0:
            break
    return "\n".join(filter(None, [*kept, last]))


def cut(text: str, longest: int, escape: Escape = str) -> str:
    """Escaped text, its end left off where it would be longer; `escape` is asked character by character, so that no
    escape is cut in two.
    """
    kept = []
    for character in text:
        escaped = escape(character)
        longest -= size(escaped)
        if longest < 0:
            break
        kept.append(escaped)
    return "".join(kept)


def size(text: str) -> int:
    """Length in UTF-16 units, as the strictest of the services count: most of them, and none counts more."""
    return len(text) + sum(character > "\uffff" for character in text)
