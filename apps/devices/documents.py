"""Reading a JSON document strictly: every value by its type, every fault by its path."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from apps.common.egress import forbidden_reason
from apps.common.errors import InvalidInputError

MAX_URL = 2048

# PostgreSQL stores neither a NUL nor half a surrogate pair in a JSON document.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_URL = re.compile(r"https?://", re.IGNORECASE)


class Document:
    """One JSON object; readers answer the value or its default, and note a fault instead of raising."""

    def __init__(self, value: Any, *, path: str = "", faults: dict[str, str] | None = None) -> None:
        self.faults: dict[str, str] = {} if faults is None else faults
        self._path = path
        self._known: set[str] = set()
        self._values: Mapping[str, Any] = {}
        if isinstance(value, Mapping):
            self._values = value
        else:
            self.faults.setdefault(path or "body", "A JSON object is expected.")

    def __contains__(self, name: str) -> bool:
        """Whether the key is there with a value that is not null."""
        return self._values.get(name) is not None

    def names(self) -> list[str]:
        """Every key that came, known or not."""
        return [str(name) for name in self._values]

    def fault(self, name: str, sentence: str) -> None:
        """Note what is wrong with a key; the first fault of a key stands."""
        self.faults.setdefault(self.path(name), sentence)

    def path(self, name: str) -> str:
        """The key's path from the document's root: `request.url`."""
        return f"{self._path}.{name}" if self._path and name else self._path or name

    def raw(self, name: str, default: Any = None) -> Any:
        """The value as it came; asking for it makes the key a known one."""
        self._known.add(name)
        return self._values.get(name, default)

    def flag(self, name: str, *, default: bool) -> bool:
        """A literal true or false."""
        value = self.raw(name, default)
        if isinstance(value, bool):
            return value
        self.fault(name, "Must be true or false.")
        return default

    def whole(self, name: str, *, default: int | None, low: int, high: int, nullable: bool = False) -> Any:
        """A whole number from `low` to `high`; null only where it means something."""
        value = self.raw(name, default)
        if value is None and (nullable or name not in self._values):
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        self.fault(name, f"Must be a whole number from {low} to {high}.")
        return default

    def text(self, name: str, *, default: str | None, longest: int, nullable: bool = False) -> Any:
        """A string of at most `longest` characters that a database can store."""
        value = self.raw(name, default)
        if value is None and (nullable or name not in self._values):
            return None
        if not isinstance(value, str):
            self.fault(name, "Must be a string.")
        elif len(value) > longest:
            self.fault(name, f"Must have at most {longest} characters.")
        elif _UNSTORABLE.search(value):
            self.fault(name, "Contains a character that cannot be stored.")
        else:
            return value
        return default

    def choice(self, name: str, options: Collection[str], *, default: str | None) -> Any:
        """One of the given words."""
        value = self.raw(name, default)
        if value is None and name not in self._values:
            return None
        if isinstance(value, str) and value in options:
            return value
        self.fault(name, f"Must be one of {', '.join(options)}.")
        return default

    def items(self, name: str, *, most: int) -> list[Any]:
        """A list of at most `most` items; absent is empty."""
        value = self.raw(name, [])
        if isinstance(value, list) and len(value) <= most:
            return value
        self.fault(name, f"Must be a list of at most {most} items.")
        return []

    @contextmanager
    def part(self, name: str) -> Iterator["Document"]:
        """A nested object, absent and null alike empty; its unknown keys are refused on leaving it."""
        value = self.raw(name)
        part = Document({} if value is None else value, path=self.path(name), faults=self.faults)
        yield part
        part.refuse_unknown()

    def refuse_unless_empty(self, name: str, sentence: str) -> None:
        """Note the fault when a key that has no meaning here holds anything at all."""
        if self.raw(name) not in (None, [], {}):
            self.fault(name, sentence)

    def refuse_unknown(self) -> None:
        """Note every key nobody asked for."""
        for name in self._values:
            if name not in self._known:
                self.fault(str(name), "Unknown key.")

    def finish(self, message: str = "") -> None:
        """Raise InvalidInputError with every fault noted so far, unknown keys included."""
        self.refuse_unknown()
        if self.faults:
            raise InvalidInputError(message, fields=self.faults)


def url_fault(url: str) -> str | None:
    """Why an http(s) URL may not be saved: not a URL, too long, or forbidden by the egress guard."""
    if len(url) > MAX_URL:
        return f"Must have at most {MAX_URL} characters."
    if not _URL.match(url):
        return "Must be an http or https URL."
    return forbidden_reason(url)


def is_storable(value: Any) -> bool:
    """Whether a JSON value, whatever its depth, holds only characters that a database can store."""
    stack = [value]
    while stack:
        node = stack.pop()
        if isinstance(node, str):
            if _UNSTORABLE.search(node):
                return False
        elif isinstance(node, Mapping):
            stack.extend([*node, *node.values()])
        elif isinstance(node, list):
            stack.extend(node)
    return True
