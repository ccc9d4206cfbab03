"""What channels that name people have in common: a list of them is the whole configuration."""

from collections.abc import Callable, Mapping
from typing import Any

from apps.devices.documents import Document


def named(document: Mapping[str, Any], *, most: int, read: Callable[[object], str], fault: str) -> dict[str, Any]:
    """`to`: one or more people without repeats; `read` makes one of an item, or "" when it is none.

    InvalidInputError with `fault`, which may quote the `{item}`, for every item that is none.
    """
    root = Document(document)
    given = root.items("to", most=most)
    people: dict[str, None] = {}
    for index, item in enumerate(given):
        if one := read(item):
            people[one] = None
        else:
            root.fault(f"to[{index}]", fault.format(item=item))
    if not given:
        root.fault("to", "Name at least one recipient.")
    root.finish()
    return {"to": list(people)}


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    """Addresses and numbers are people's own."""
    return {"to": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """One delivery for each of them."""
    return list(config.get("to", ()))


def shown(recipient: str) -> str:
    """As it is: the log says who was told."""
    return recipient
