"""Header lines of an answer, read only as far as somebody asks. Pure."""

from collections.abc import Iterator, Sequence


class Headers(Sequence[tuple[str, str]]):
    """Names in lower case and values, as they came; lines without a colon left out.

    Most checks look at one header or at none, so nothing is decoded before.
    """

    __slots__ = ("_lines",)

    def __init__(self, lines: Sequence[bytes] = ()) -> None:
        """The lines after the status line."""
        self._lines = lines

    def named(self, name: str) -> list[str]:
        """The values of one header, in the order they came."""
        wanted = name.lower().encode("latin-1", "replace")
        size = len(wanted)
        return [
            _text(line.partition(b":")[2])
            for line in self._lines
            if line[:size].lower() == wanted and line[size:].lstrip()[:1] == b":"
        ]

    def mention(self, word: bytes) -> bool:
        """Whether a word, in lower case, stands anywhere in the lines: one look instead of one a line."""
        return word in b"".join(self._lines).lower()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        pairs = (line.partition(b":") for line in self._lines)
        return ((_text(name).lower(), _text(value)) for name, colon, value in pairs if colon)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __getitem__(self, index):  # type: ignore[no-untyped-def]  # of a list, index and slice alike
        return list(self)[index]

    def __repr__(self) -> str:
        return f"Headers({list(self)!r})"


def named(headers: Sequence[tuple[str, str]], name: str) -> list[str]:
    """The values of one header of any sequence of pairs."""
    if isinstance(headers, Headers):
        return headers.named(name)
    return [value for key, value in headers if key.lower() == name.lower()]


def _text(raw: bytes) -> str:
    return raw.decode("latin-1").strip()
