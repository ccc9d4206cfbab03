"""A message as plain lines, for channels that know nothing else."""

from collections.abc import Mapping
from typing import Any


def plain(payload: Mapping[str, Any], *, longest: int = 4000) -> str:
    """Title, sentence, facts and address, one a line."""
    lines = [payload["title"], payload["text"]]
    lines += [f"{label}: {value}" for label, value in payload.get("facts", ())]
    lines.append(payload.get("url", ""))
    return "\n".join(line for line in lines if line)[:longest]
