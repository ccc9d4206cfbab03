"""What only Dash's front end knows of a workspace: its looks, and whether guests see history (contract Dash 5, 11)."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from msgspec import Struct

from apps.api.dash.auth import SURFACE
from apps.api.dash.errors import DashError
from apps.workspaces.models import Workspace
from apps.workspaces.surfaces import surface_data

LOGO, TITLE, TOPBAR = "/brandlogo.svg", "Ithiltir Monitor Dashboard", "Ithiltir Control"
GUEST_MODES = ("disabled", "by_node")
LONGEST = {"page_title": 120, "topbar_text": 64}
LARGEST_LOGO = 768 * 1024
SENTENCES = {
    "history_guest_access_mode": "Guests see history of no node (disabled) or of those they see (by_node).",
    "logo_url": "A logo is a path, an http or https address, or an image as a data address of at most 768 KiB.",
    "page_title": "A page title is one line of at most 120 characters.",
    "topbar_text": "The text of the top bar is one line of at most 64 characters.",
}
PICTURE = re.compile(r"data:image/[A-Za-z0-9.+-]+;base64,[A-Za-z0-9+/]+=*")


class Preferences(Struct, frozen=True):
    """As they are answered: nothing is ever blank."""

    history_guest_access_mode: str = "disabled"
    logo_url: str = LOGO
    page_title: str = TITLE
    topbar_text: str = TOPBAR

    @property
    def guests_see_history(self) -> bool:
        """Whether guests may read the history of the nodes that they see."""
        return self.history_guest_access_mode == "by_node"


def preferences_of(workspace: Workspace | int) -> Preferences:
    """The workspace's preferences; what is not set, or blank, is as it comes."""
    kept = surface_data(workspace, SURFACE)
    return Preferences(**{name: kept[name] for name in Preferences.__struct_fields__ if kept.get(name)})


def checked(sent: Mapping[str, Any]) -> dict[str, str]:
    """What was sent, trimmed; DashError `invalid_fields` names the first that cannot be."""
    changes: dict[str, str] = {}
    for name, value in sent.items():
        if not isinstance(value, str) or not _is_good(name, value.strip()):
            raise DashError("invalid_fields", SENTENCES[name])
        changes[name] = value.strip()
    return changes


def _is_good(name: str, text: str) -> bool:
    if name == "history_guest_access_mode":
        return text in GUEST_MODES
    if name == "logo_url":
        return len(text.encode()) <= LARGEST_LOGO and _is_logo(text)
    # A blank text goes back to how it comes.
    return len(text) <= LONGEST[name] and (text.isprintable() or not text)


def _is_logo(text: str) -> bool:
    """Nothing, a path of this host, an address on the web, or the picture itself."""
    if not text or PICTURE.fullmatch(text):
        return True
    if not text.isprintable() or any(sign in text for sign in " \\\"'<>"):
        return False
    if text.startswith("/"):
        return not text.startswith("//")
    try:
        parts = urlsplit(text)
    except ValueError:
        return False
    return parts.scheme.lower() in {"http", "https"} and bool(parts.hostname)
