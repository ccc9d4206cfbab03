"""Arrays of the kernel's own software RAID, as /proc/mdstat tells them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from dashmon_agent.figures import PROC, text_of

Member = tuple[str, int, str]
HEAD = re.compile(r"^(md\S*) : (active|inactive)((?: \([^)]*\))*) ?(.*)$")
MEMBER = re.compile(r"^(\S+?)\[(\d+)\]((?:\([A-Z]\))*)$")
COUNTS = re.compile(r"\[(\d+)/(\d+)\] \[[U_]+\]")
PROGRESS = re.compile(r"(?:recovery|resync|reshape|check|repair) = +([\d.]+%)")
WAITING = re.compile(r"(?:recovery|resync|reshape|check|repair)=(?:DELAYED|PENDING)")


def raid(root: Path = PROC) -> dict[str, Any]:
    """The block of a report about arrays."""
    arrays = [_array(head, body) for head, body in _blocks(text_of(root / "mdstat"))]
    return {"supported": (root / "mdstat").exists(), "available": bool(arrays), "arrays": arrays}


def static_raid(root: Path = PROC) -> dict[str, Any]:
    """What of it seldom changes."""
    told = [(_words(head), body) for head, body in _blocks(text_of(root / "mdstat"))]
    arrays = [
        {
            "name": head[1],
            "level": level,
            "devices": _counts(body, members)[0],
            "members": [{"name": name} for name, _, _ in members],
        }
        for (head, level, members), body in told
    ]
    return {"supported": (root / "mdstat").exists(), "available": bool(arrays), "arrays": arrays}


def _blocks(text: str) -> list[tuple[str, str]]:
    """The first line of each array, and the lines below it."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if HEAD.match(line):
            found.append((line, []))
        elif found and line.startswith(" "):
            found[-1][1].append(line.strip())
    return [(head, "\n".join(body)) for head, body in found]


def _words(line: str) -> tuple[re.Match[str], str, list[Member]]:
    """A first line: the match, the level where there is one, the members with their numbers and flags."""
    head = HEAD.match(line)
    assert head is not None  # _blocks looked
    words = head[4].split()
    members = [(found[1], int(found[2]), found[3]) for found in map(MEMBER.match, words) if found]
    return head, next((word for word in words if not MEMBER.match(word)), ""), members


def _counts(body: str, members: list[Member]) -> tuple[int, int]:
    """How many devices there should be and how many work; levels that stand no loss do not say."""
    counts = COUNTS.search(body)
    return (int(counts[1]), int(counts[2])) if counts is not None else (len(members), len(_serving(members)))


def _serving(members: list[Member]) -> list[str]:
    """Members that are neither broken nor spare, those that came first before those that came to replace others."""
    told = sorted((number, name) for name, number, flags in members if not re.search(r"\((F|S|J)\)", flags))
    return [name for _, name in told]


def _array(line: str, body: str) -> dict[str, Any]:
    head, _, members = _words(line)
    expected, working = _counts(body, members)
    failed = sum(1 for _, _, flags in members if "(F)" in flags)
    # Who is being filled works no more than a spare does; the kernel counts only whom it can rely on.
    up = _serving(members)[:working] if head[2] == "active" else []
    array = {
        "name": head[1],
        "status": head[2] + head[3],
        "active": working if head[2] == "active" else 0,
        "working": working,
        "failed": failed,
        "health": _health(head[2], expected, working, failed),
        "members": [{"name": name, "state": _state(name, flags, up)} for name, _, flags in members],
    }
    syncing = next((each for each in body.splitlines() if PROGRESS.search(each) or WAITING.search(each)), "")
    progress = PROGRESS.search(syncing)
    return {
        **array,
        **({"sync_status": syncing} if syncing else {}),
        **({"sync_progress": progress[1]} if progress else {}),
    }


def _health(status: str, expected: int, working: int, failed: int) -> str:
    if status != "active":
        return "unknown"
    return "degraded" if failed or working < expected else "healthy"


def _state(name: str, flags: str, up: list[str]) -> str:
    if "(F)" in flags:
        return "down"
    return "up" if name in up or "(J)" in flags else "unknown"
