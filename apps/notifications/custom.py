"""Templates of webhooks: `{{incident.cause.message}}` over the webhook's own data, and nothing else (contract 9.1).

No logic and no expression: a path of names, whose value is put in as text. In a JSON template the value stands
inside a string and is escaped for it, so no name of a monitor can end the string.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z0-9_.]{1,100})\s*\}\}")
LONGEST = 8192
# A broken brace would be sent as it stands, which nobody means.
LEFT_OVER = re.compile(r"\{\{|\}\}")
BAD_PLACEHOLDER = "Placeholders look like {{incident.title}}: names and dots only."


def is_json(template: str) -> bool:
    """Whether a template is meant to be JSON: it begins like an object, a list or a string."""
    start = template.lstrip()
    return start[:1] in {"[", '"'} or (start[:1] == "{" and start[:2] != "{{")


def fault_of(template: str) -> str | None:
    """Why a template cannot be used, or None."""
    if len(template) > LONGEST:
        return f"Must have at most {LONGEST} characters."
    bare = PLACEHOLDER.sub("", template)
    if not is_json(template):
        return BAD_PLACEHOLDER if LEFT_OVER.search(bare) else None
    try:
        document = json.loads(bare)
    except (ValueError, RecursionError):
        return "This begins like JSON and is none; placeholders belong inside quotes."
    return BAD_PLACEHOLDER if any(LEFT_OVER.search(text) for text in _texts(document)) else None


def _texts(node: Any) -> Iterator[str]:
    stack = [node]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            yield node
        elif isinstance(node, Mapping):
            stack.extend([*node, *node.values()])
        elif isinstance(node, list):
            stack.extend(node)


def render(template: str, data: Mapping[str, Any]) -> str:
    """The template with every path replaced; an unknown path is empty."""
    inside_json = is_json(template)

    def value(match: re.Match[str]) -> str:
        text = text_of(data, match[1])
        return json.dumps(text, ensure_ascii=False)[1:-1] if inside_json else text

    return PLACEHOLDER.sub(value, template)


def text_of(data: Mapping[str, Any], path: str) -> str:
    """The value at a path as text: numbers as digits, true and false in words, null and what is not there empty."""
    node: Any = data
    for name in path.split("."):
        node = node.get(name) if isinstance(node, Mapping) else None
    if node is None or isinstance(node, Mapping | list):
        return ""
    return str(node).lower() if isinstance(node, bool) else str(node)
