"""Arrays as PostgreSQL reads them from text: the driver looks at each element of a list to find out what it is."""

from collections.abc import Iterable


def array_of_integers(values: Iterable[int]) -> str:
    """For a parameter that is cast to `bigint[]`."""
    return f"{{{','.join(map(str, values))}}}"


def array_of_bytes(values: Iterable[bytes]) -> str:
    """For a parameter that is cast to `bytea[]`."""
    spelled = ",".join([f'"\\\\x{value.hex()}"' for value in values])
    return f"{{{spelled}}}"
