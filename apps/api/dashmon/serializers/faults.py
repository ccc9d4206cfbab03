"""What serializers found wrong, as the contract's `details.fields`: one path and one sentence per fault."""

from collections.abc import Iterator, Mapping
from typing import Any, NoReturn

from apps.common.errors import InvalidInputError

ABSENT = "Required."
WHOLE = "non_field_errors"


def refuse(found: Any, *, missing: str = "") -> NoReturn:
    """Raise InvalidInputError with every fault; an absent field speaks with the endpoint's own sentence."""
    fields = dict(_flat(found, ""))
    message = missing if ABSENT in fields.values() else ""
    if WHOLE in fields:
        message = fields.pop(WHOLE)
    raise InvalidInputError(message, fields=fields)


def _flat(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """`{"tags": {1: ["Too long."]}}` becomes `tags[1]`: Too long."""
    if isinstance(node, Mapping):
        for key, inner in node.items():
            yield from _flat(inner, _joined(path, key))
    elif node and isinstance(node[0], Mapping):
        for index, inner in enumerate(node):
            yield from _flat(inner, f"{path}[{index}]")
    elif node:
        yield path, str(node[0])


def _joined(path: str, key: Any) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    return f"{path}.{key}" if path and key != WHOLE else path or str(key)
