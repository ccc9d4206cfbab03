"""The JSONPath subset of the Dashmon contract 6.1: read by a library, walked in linear time."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from jsonpath import JSONPathEnvironment
from jsonpath.exceptions import JSONPathError
from jsonpath.segments import JSONPathChildSegment, JSONPathRecursiveDescentSegment
from jsonpath.selectors import IndexSelector, NameSelector, SliceSelector, WildcardSelector

MAX_LENGTH = 500

_ENVIRONMENT = JSONPathEnvironment(strict=True)

Step = Callable[[list[Any]], list[Any]]


class PathError(ValueError):
    """The text is not a path of the supported subset."""


@dataclass(frozen=True, slots=True)
class JsonPath:
    """A compiled path; `find` walks one document."""

    steps: tuple[Step, ...]

    def find(self, document: Any) -> list[Any]:
        """The values of all nodes the path reaches, in document order of the last step."""
        nodes = [document]
        for step in self.steps:
            nodes = step(nodes)
        return nodes


@lru_cache(maxsize=1024)
def compile_path(text: str) -> JsonPath:
    """Compile `$`, `.name`, `['name']`, `[n]`, `[-n]`, `[*]`, `.*`, `..name`, `[a:b]`; else PathError."""
    if len(text) > MAX_LENGTH:
        raise PathError(f"a path has at most {MAX_LENGTH} characters")
    try:
        query = _ENVIRONMENT.compile(text)
    except (JSONPathError, RecursionError) as error:
        raise PathError("not a valid JSONPath") from error
    return JsonPath(tuple(_step(segment) for segment in getattr(query, "segments", (None,))))


def _step(segment: Any) -> Step:
    if len(getattr(segment, "selectors", ())) != 1:
        raise PathError("one name, index or range between brackets")
    selector = segment.selectors[0]
    if isinstance(segment, JSONPathRecursiveDescentSegment):
        if isinstance(selector, NameSelector):
            return _descend(selector.name)
    elif isinstance(segment, JSONPathChildSegment):
        below = _child(selector)
        if below is not None:
            return lambda nodes: [found for node in nodes for found in below(node)]
    raise PathError("only $, .name, ['name'], [n], [*], .*, ..name and [a:b] are supported")


def _child(selector: Any) -> Callable[[Any], Iterable[Any]] | None:
    if isinstance(selector, NameSelector):
        name = selector.name
        return lambda node: (node[name],) if isinstance(node, dict) and name in node else ()
    if isinstance(selector, IndexSelector):
        index = selector.index
        return lambda node: node[index:][:1] if isinstance(node, list) and -len(node) <= index else ()
    if isinstance(selector, SliceSelector) and selector.slice.step is None:
        span = selector.slice
        return lambda node: node[span] if isinstance(node, list) else ()
    return _children if isinstance(selector, WildcardSelector) else None


def _children(node: Any) -> Iterable[Any]:
    if isinstance(node, dict):
        return node.values()
    return node if isinstance(node, list) else ()


def _descend(name: str) -> Step:
    def walk(nodes: list[Any]) -> list[Any]:
        # Every container is entered once, whoever leads to it: `..a..a` stays linear on any document.
        found, seen, stack = [], set[int](), nodes[::-1]
        while stack:
            node = stack.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            if isinstance(node, dict) and name in node:
                found.append(node[name])
            stack.extend([child for child in _children(node) if isinstance(child, dict | list)][::-1])
        return found

    return walk
