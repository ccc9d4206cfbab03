"""dockstat_template.json: template and container to text."""

from typing import Any

from apps.notifications.styles import dockstat
from tests.replay.difference import expect

Case = dict[str, Any]


def replay(_document: Case, case: Case) -> None:
    """One template with one container put in."""
    expect(dockstat.render(case["t"], case["c"]), case["out"])


CASES = {"dockstat_template": replay}
