"""theme.json: who a theme is, and which shapes of the front end it wants (contract Dash 12)."""

import re
from collections.abc import Mapping
from typing import Any

from apps.api.dash.themes.styles import ThemeError

KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
LONGEST = {"name": 128, "version": 64, "author": 128, "description": 2000}
NEEDED = ("name", "version")
# Part, shape, and its choices, the usual one first.
SKIN: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "admin": {"shell": ("sidebar", "topbar"), "frame": ("layered", "flat")},
    "dashboard": {"summary": ("cards", "strip"), "density": ("comfortable", "compact")},
}


def read_manifest(document: Any) -> dict[str, Any]:
    """The manifest with nothing left out; ThemeError says what cannot be. Keys that nobody knows are left out."""
    if not isinstance(document, Mapping):
        raise ThemeError("theme.json must be one object.")
    key = _text(document, "id")
    if not KEY.fullmatch(key):
        raise ThemeError("The id of a theme is 1 to 64 of a-z, 0-9, _ and -, beginning with a letter or digit.")
    texts = {name: _text(document, name) for name in LONGEST}
    for name, text in texts.items():
        if len(text) > LONGEST[name] or not (text.isprintable() or not text):
            raise ThemeError(f"{name} has at most {LONGEST[name]} characters on one line.")
        if not text and name in NEEDED:
            raise ThemeError(f"A theme has a {name}.")
    return {"id": key, **texts, "skin": _skin(_part(document, "skin"))}


def _skin(said: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    return {part: _shapes(_part(said, part), shapes) for part, shapes in SKIN.items()}


def _shapes(said: Mapping[str, Any], shapes: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    chosen = {name: _text(said, name) or choices[0] for name, choices in shapes.items()}
    for name, choice in chosen.items():
        if choice not in shapes[name]:
            raise ThemeError(f"{name} is one of {', '.join(shapes[name])}.")
    return chosen


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise ThemeError(f"{name} must be an object.")
    return value


def _text(document: Mapping[str, Any], name: str) -> str:
    value = document.get(name)
    if value is not None and not isinstance(value, str):
        raise ThemeError(f"{name} must be a text.")
    return (value or "").strip()
