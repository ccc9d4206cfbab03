"""DockStat's templates: `{{name}} is {{state}} on {{hostName}}` (contract DockStat 7, dockstat_template.json)."""

import re
from collections.abc import Mapping

DEFAULT = "{{name}} is {{state}} on {{hostName}}"
# Two names for one thing: an older version called the host so.
NAMES = {"name": "name", "id": "id", "state": "state", "hostName": "hostName", "host": "hostName"}
_PLACEHOLDER = re.compile(r"\{\{(" + "|".join(NAMES) + r")\}\}")


def render(template: str, container: Mapping[str, str]) -> str:
    """The template in one pass: values are put in as they are, unknown placeholders stay as they are."""
    return _PLACEHOLDER.sub(lambda match: container[NAMES[match[1]]], template)
