"""The static document of a node: what a new one keeps of the one before (contract Dash 3.4)."""

from collections.abc import Mapping
from typing import Any

Document = Mapping[str, Any]
# Values that only overwrite what is known when they say something: a machine does not lose its model name.
_KEPT_WHEN_EMPTY = {"cpu": ("model", "vendor", "frequency_mhz"), "memory": ("swap_total",)}


def merged(before: Document | None, fresh: Document) -> dict[str, Any]:
    """The document to keep: the fresh one, with earlier facts where it says nothing about them."""
    document = {name: dict(part) if isinstance(part, Mapping) else part for name, part in fresh.items()}
    for part, names in _KEPT_WHEN_EMPTY.items():
        known = (before or {}).get(part) or {}
        for name in names:
            if not document[part].get(name) and known.get(name):
                document[part][name] = known[name]
    return document


def cores(document: Document) -> int | None:
    """Logical cores, else physical ones; None when neither is known."""
    cpu = document.get("cpu") or {}
    return cpu.get("cores_logical") or cpu.get("cores_physical") or None
