"""The side bar, the bottom bar and the command list: the same places, counted."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.urls import reverse

from apps.devices.selectors import devices_of
from apps.incidents.selectors import count_open
from apps.nodes.selectors import count_visible
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.permissions import Actor


@dataclass(frozen=True, slots=True)
class Item:
    """One place: its word, icon and, where it helps, how many things are there."""

    key: str
    label: str
    icon: str
    href: str
    count: int = 0
    bad: int = 0  # open trouble, shown in the down colour
    shortcut: str = ""  # pressed after g


@dataclass(frozen=True, slots=True)
class Navigation:
    """Everything a shell links to."""

    main: Sequence[Item]
    manage: Sequence[Item]
    seats: Sequence[Membership]

    @property
    def tabs(self) -> Sequence[Item]:
        """The four places of the bottom bar; the fifth opens the rest."""
        return self.main[:4]

    @property
    def more(self) -> Sequence[Item]:
        """What the bottom bar has no room for."""
        return [*self.main[4:], *self.manage]


# key, word, icon, shortcut, permission
MAIN = (
    ("overview", "Overview", "layout-dashboard", "o", "devices.read"),
    ("monitors", "Monitors", "activity", "m", "devices.read"),
    ("nodes", "Nodes", "server", "n", "devices.read"),
    ("incidents", "Incidents", "triangle-alert", "i", "incidents.read"),
    ("alerts", "Alerts", "bell", "a", "alerts.read"),
    ("status-pages", "Status pages", "radio", "s", "statusPages.read"),
    ("projects", "Projects", "folder", "p", "projects.read"),
    ("reports", "Reports", "chart-column", "r", "reports"),
)
MANAGE = (
    ("members", "Members", "users", "", "projects.read"),
    ("tokens", "API tokens", "key-round", "", "tokens.manage"),
    ("audit", "Audit log", "scroll-text", "", "team.manage"),
    ("settings", "Settings", "settings", "", "projects.read"),
)


def navigation_of(workspace: Workspace, actor: Actor, seats: Sequence[Membership]) -> Navigation:
    """Places this actor may enter, with the number of monitors, of nodes and of open incidents within reach."""
    counts = {
        "monitors": devices_of(workspace, projects=actor.projects).count(),
        "nodes": count_visible(workspace, projects=actor.projects),
    }
    trouble = {"incidents": count_open(workspace, projects=actor.projects)}

    def items(places: Sequence[tuple[str, str, str, str, str]]) -> list[Item]:
        return [
            Item(
                key,
                label,
                icon,
                reverse(f"web:{key}", args=[workspace.slug]),
                count=counts.get(key, 0),
                bad=trouble.get(key, 0),
                shortcut=shortcut,
            )
            for key, label, icon, shortcut, permission in places
            if permission in actor.permissions
        ]

    return Navigation(items(MAIN), items(MANAGE), seats)
