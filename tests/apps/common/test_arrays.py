"""Arrays spelled for PostgreSQL, read back by whichever database the tests run on."""

import pytest
from django.db import connection

from apps.common.arrays import array_of_bytes, array_of_integers


def test_numbers_are_spelled_with_their_signs() -> None:
    assert array_of_integers([1, -2, 2**62]) == "{1,-2,4611686018427387904}"
    assert array_of_integers([]) == "{}"


def test_bytes_are_spelled_in_quotes_and_hexadecimal() -> None:
    assert array_of_bytes([b"", b'"\\\x00,}']) == r'{"\\x","\\x225c002c7d"}'
    assert array_of_bytes([]) == "{}"
    assert array_of_bytes([b""]) == r'{"\\x"}'


@pytest.mark.django_db
def test_postgresql_reads_what_was_meant() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no arrays")
    blobs = [b"", b'"\\\x00,}', bytes(range(256))]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::bigint[], %s::bytea[]", [array_of_integers([1, -2]), array_of_bytes(blobs)])
        numbers, read = cursor.fetchone()
    assert numbers == [1, -2]
    assert [bytes(blob) for blob in read] == blobs
