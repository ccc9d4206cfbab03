"""Comparing what a rule said with what a vector file expects."""

import json
from typing import Any


def expect(actual: Any, expected: Any) -> None:
    """Raise AssertionError with both sides as JSON unless they are equal."""
    if actual != expected:
        raise AssertionError(f"got {json.dumps(actual, default=str)}, expected {json.dumps(expected)}")
