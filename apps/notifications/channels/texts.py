"""A message as lines, for channels that know nothing else."""

from collections.abc import Iterable, Mapping
from typing import Any


def plain(payload: Mapping[str, Any], *, longest: int = 4000) -> str:
    """Title, sentence, facts and address, one a line."""
    lines = [payload["title"], payload["text"]]
    lines += [f"{label}: {value}" for label, value in payload.get("facts", ())]
    return fitted(lines, payload.get("url", ""), longest=longest)


def fitted(lines: Iterable[str], last: str, *, longest: int) -> str:
    """As many whole lines as fit before the last one, which says where to look and is always there."""
    room = longest - len(last) - 1
    kept = []
    for line in filter(None, lines):
        room -= len(line) + 1
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept, last] if last else kept)
