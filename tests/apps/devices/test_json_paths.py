"""The path subset: what each step reaches, what is refused, and that time stays linear."""

import time
from typing import Any

import pytest

from apps.devices.json_paths import PathError, compile_path

DOCUMENT = {
    "a": [1, 2, 3],
    "b": {"c": {"y": 1}, "y": [{"y": 2}], "d.e": None},
    "é": "accent",
}


@pytest.mark.parametrize(
    ("path", "nodes"),
    [
        ("$", [DOCUMENT]),
        ("$.a", [[1, 2, 3]]),
        ("$['a']", [[1, 2, 3]]),
        ('$["a"]', [[1, 2, 3]]),
        ("$.é", ["accent"]),
        ("$.b['d.e']", [None]),
        ("$.a[0]", [1]),
        ("$.a[-1]", [3]),
        ("$.a[-3]", [1]),
        ("$.a[-4]", []),
        ("$.a[3]", []),
        ("$.a[1:]", [2, 3]),
        ("$.a[:-1]", [1, 2]),
        ("$.a[5:9]", []),
        ("$.a[*]", [1, 2, 3]),
        ("$.b.*", [{"y": 1}, [{"y": 2}], None]),
        ("$..y", [1, [{"y": 2}], 2]),
        ("$..y..y", [2]),
        ("$.a.b", []),
        ("$.b[0]", []),
        ("$.b[0:1]", []),
        ("$.nope", []),
    ],
)
def test_a_path_reaches_its_nodes(path: str, nodes: list[Any]) -> None:
    found = compile_path(path).find(DOCUMENT)

    assert sorted(map(repr, found)) == sorted(map(repr, nodes))


@pytest.mark.parametrize("document", [None, True, 5, "text", [], {}])
@pytest.mark.parametrize("path", ["$.a", "$[0]", "$[*]", "$..a", "$[0:1]"])
def test_what_has_no_children_has_no_nodes(document: Any, path: str) -> None:
    assert compile_path(path).find(document) == []


@pytest.mark.parametrize(
    "path",
    [
        "",
        "a",
        "$a",
        "$.",
        "$..",
        "$..*",
        "$..[0]",
        "$[",
        "$[0,1]",
        "$['a','b']",
        "$[?@.a]",
        "$[0:4:2]",
        "$.a | $.b",
        "$.length()",
        "^.a",
        "$.~keys",
        "@",
        "$[99999999999999999999]",
        "$." + "a" * 500,
        "$" + "[" * 400,
    ],
)
def test_everything_else_is_refused(path: str) -> None:
    with pytest.raises(PathError):
        compile_path(path)


def test_repeated_descent_into_a_deep_document_is_linear() -> None:
    document: Any = [0] * 100_000
    for _ in range(2_000):
        document = {"a": document}
    began = time.monotonic()

    assert compile_path("$..a..a..a..a.z").find(document) == []

    # Pair by pair this would be hundreds of millions of steps.
    assert time.monotonic() - began < 10
