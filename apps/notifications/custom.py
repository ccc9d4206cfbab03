"""Templates of webhooks: `{{incident.cause.message}}` over the webhook's own data, and nothing else (contract 9.1).

No logic and no expression: a path of names, whose value is put in as text. In a JSON template the value stands
inside a string and is escaped for it, so no name of a monitor can end the string.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_.]{1,100})\s*\}\}")
LONGEST = 8192
# A broken brace would be sent as it stands, which nobody means.
LEFT_OVER = re.compile(r"\{\{|\}\}")


def fault_of(template: str) -> str | None:
    """Why a template cannot be used, or None."""
    if len(template) > LONGEST:
        return f"Must have at most {LONGEST} characters."
    if LEFT_OVER.search(PLACEHOLDER.sub("", template)):
        return "Placeholders look like {{incident.title}}: names and dots only."
    sample = render(template, {})
    if template.lstrip()[:1] in {"{", "["}:
        try:
            json.loads(sample)
        except ValueError:
            return "This begins like JSON and is none; placeholders belong inside quotes."
    return None


def render(template: str, data: Mapping[str, Any]) -> str:
    """The template with every path replaced; an unknown path is empty."""
    is_json = template.lstrip()[:1] in {"{", "["}

    def value(match: re.Match[str]) -> str:
        text = text_of(data, match[1])
        return json.dumps(text, ensure_ascii=False)[1:-1] if is_json else text

    return PLACEHOLDER.sub(value, template)


def text_of(data: Mapping[str, Any], path: str) -> str:
    """The value at a path as text: numbers as digits, true and false in words, null and what is not there empty."""
    node: Any = data
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    if node is None or isinstance(node, Mapping | list):
        return ""
    return str(node).lower() if isinstance(node, bool) else str(node)
