"""Arrays spelled for PostgreSQL, read back by whichever database the tests run on."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connection

from apps.common.arrays import array_of_bytes, array_of_integers, array_of_plain, array_of_texts

TEXTS = ["", "NULL", 'a "b" \\ c', "{1,2}", "line\nline", "ü 🙂", '{"a":"\\"b\\""}', "'; --"]
RUN = UUID("8a5b2e5e-5a3e-4c57-9a51-2a3c9d1a0b11")
AT = datetime(2026, 3, 2, 10, 0, 0, 123000, tzinfo=UTC)


def test_numbers_are_spelled_with_their_signs() -> None:
    assert array_of_integers([1, -2, 2**62]) == "{1,-2,4611686018427387904}"
    assert array_of_integers([]) == "{}"


def test_bytes_are_spelled_in_quotes_and_hexadecimal() -> None:
    assert array_of_bytes([b"", b'"\\\x00,}']) == r'{"\\x","\\x225c002c7d"}'
    assert array_of_bytes([]) == "{}"
    assert array_of_bytes([b""]) == r'{"\\x"}'
    assert array_of_bytes([None, b"a"]) == r'{NULL,"\\x61"}'


def test_texts_are_spelled_in_quotes_and_nothing_is_no_value() -> None:
    assert array_of_texts(["a", 'b"', "c\\"]) == r'{"a","b\"","c\\"}'
    assert array_of_texts([]) == "{}"
    assert array_of_plain([1, None, RUN]) == f"{{1,NULL,{RUN}}}"


@pytest.mark.django_db
def test_postgresql_reads_what_was_meant() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has no arrays")
    blobs = [b"", b'"\\\x00,}', bytes(range(256)), None]
    spelled = [
        array_of_integers([1, -2]),
        array_of_bytes(blobs),
        array_of_texts(TEXTS),
        array_of_plain([RUN, None]),
        array_of_plain([AT, None]),
    ]
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::bigint[], %s::bytea[], %s::text[], %s::uuid[], %s::timestamptz[]", spelled)
        numbers, read, *others = cursor.fetchone()
    assert numbers == [1, -2]
    assert [blob if blob is None else bytes(blob) for blob in read] == blobs
    assert others == [TEXTS, [RUN, None], [AT, None]]
