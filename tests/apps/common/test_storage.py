"""A database that takes nothing says so itself; whatever else goes wrong says nothing about its disk."""

from datetime import timedelta

import pytest
from django.db import OperationalError

from apps.common import storage
from apps.common.storage import QUIET, Trouble
from tests.factories import NOW


class RefusedError(Exception):
    """What psycopg raises, as far as it is looked at."""

    def __init__(self, sqlstate: str) -> None:
        super().__init__("could not extend file")
        self.sqlstate = sqlstate


def error(said: str, sqlstate: str | None = None) -> OperationalError:
    made = OperationalError(said)
    if sqlstate is not None:
        made.__cause__ = RefusedError(sqlstate)
    return made


@pytest.mark.parametrize(
    ("said", "sqlstate"),
    [
        ("database or disk is full", None),
        ("disk I/O error", None),
        ("attempt to write a readonly database", None),
        ('could not extend file "base/1/2": No space left on device\nHINT:  Check free disk space.', "53100"),
        ("could not write to file: Input/output error", "58030"),
        ("cannot execute INSERT in a read-only transaction", "25006"),
    ],
)
def test_a_disk_that_takes_nothing_is_told(said: str, sqlstate: str | None) -> None:
    storage.note(error(said, sqlstate), now=NOW)

    assert storage.trouble(NOW) == Trouble(NOW, NOW, said.partition("\n")[0])


@pytest.mark.parametrize(
    ("said", "sqlstate"),
    [
        ("database is locked", None),
        ("connection refused", None),
        ("deadlock detected", "40P01"),
        ("too many connections", "53300"),
        ("terminating connection due to administrator command", "57P01"),
    ],
)
def test_other_faults_say_nothing_about_the_disk(said: str, sqlstate: str | None) -> None:
    storage.note(error(said, sqlstate), now=NOW)

    assert storage.trouble(NOW) is None


def test_trouble_lasts_from_the_first_fault_until_some_time_after_the_last() -> None:
    full, step = error("database or disk is full"), QUIET - timedelta(seconds=1)
    for number in range(3):
        storage.note(full, now=NOW + number * step)
    last = NOW + 2 * step

    assert storage.trouble(last) == Trouble(NOW, last, "database or disk is full")
    assert storage.trouble(last + step) is not None
    assert storage.trouble(last + QUIET) is None
    storage.note(full, now=last + 2 * QUIET)
    assert storage.trouble(last + 2 * QUIET).since == last + 2 * QUIET
