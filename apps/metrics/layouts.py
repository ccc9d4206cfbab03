"""Where the values of a report go: machines say the same names over and over, so it is found out once for them all."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, NamedTuple

from apps.metrics.packing import INT64
from apps.metrics.reported import kept

Number = int | float
_MINUS_ZERO = re.compile(rb":-(0\.0+)(?=[,}])")


class Cells(NamedTuple):
    """What is kept of a report: column numbers, decimal places and exact values, one of each for every cell."""

    keys: tuple[int, ...]
    decimals: tuple[int, ...]
    numbers: tuple[Number, ...]

    def spelled(self) -> bytes:
        """The cells as history keeps them, rounded: compact JSON by column number.

        One template writes them all: rounding each number and writing it afterwards takes four times as long.
        """
        kinds = tuple(map(type, self.numbers))
        text = _template(self.keys, self.decimals, kinds) % self.numbers
        # Only a column of raw floats could hold minus zero.
        return _MINUS_ZERO.sub(rb":\1", text) if b":-0" in text else text


class Layout(NamedTuple):
    """The columns of one set of names, of those that are kept."""

    keys: tuple[int, ...]
    decimals: tuple[int, ...]
    pick: Callable[[Mapping[str, Any]], tuple[Any, ...]]

    def cells(self, values: Mapping[str, Number | None]) -> Cells:
        """The cells of a report; a value that is none, or that no block can hold, is left out."""
        numbers = self.pick(values)
        if _are_storable(numbers):
            return Cells(self.keys, self.decimals, numbers)
        known = [
            (key, decimals, number)
            for key, decimals, number in zip(self.keys, self.decimals, numbers, strict=True)
            if number is not None and -INT64 <= number < INT64
        ]
        return Cells(*zip(*known, strict=True)) if known else Cells((), (), ())


def _are_storable(numbers: Sequence[Any]) -> bool:
    """Whether all of them are numbers that a block can hold for certain: quick to say of nearly every report."""
    try:
        # None of them is more than their sum, and of what is no number the sum is none.
        return bool(min(numbers) >= 0 and sum(numbers) < INT64)
    except (TypeError, ValueError):
        return False


@lru_cache(maxsize=4096)
def _template(keys: Sequence[int], decimals: Sequence[int], kinds: Sequence[type]) -> bytes:
    """What writes rows of these columns whose values are of these types."""
    shapes = [_shape(kind, places) for kind, places in zip(kinds, decimals, strict=True)]
    cells = [f'"{key}":{shape}' for key, shape in zip(keys, shapes, strict=True)]
    return f"{{{','.join(cells)}}}".encode()


def _shape(kind: type, places: int) -> str:
    if kind is not float:
        return "%d"
    # What was said as a float is read back as one: a counter that is none does not become whole.
    return f"%.{places}f" if places else "%.0f.0"


@lru_cache(maxsize=4096)
def shared_layout(names: tuple[str, ...], keys: tuple[int, ...]) -> Layout:
    """The layout of these columns; sources that number their own alike share it."""
    decimals = tuple(kept(name).decimals for name in names)
    if len(names) == 1:
        return Layout(keys, decimals, lambda values: (values[names[0]],))
    return Layout(keys, decimals, itemgetter(*names) if names else lambda _: ())
