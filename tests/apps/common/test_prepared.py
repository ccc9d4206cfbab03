"""Statements whose plans PostgreSQL keeps, and who must not be asked to keep any."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.common import prepared

pytestmark = pytest.mark.django_db(transaction=True)
QUESTION = "SELECT CAST(%s AS integer) + 1"


@pytest.fixture
def fresh():
    """A connection that nobody has prepared anything on, and that nobody goes on with."""
    _let_go()
    yield
    _let_go()


def _let_go() -> None:
    connection.close()
    if connection.vendor == "postgresql":
        connection.close_pool()


def asked(times: int) -> None:
    for number in range(times):
        with prepared.cursor(connection) as cursor:
            cursor.execute(QUESTION, [number])
            assert cursor.fetchone() == (number + 1,)


def kept() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE %s", ["%AS integer%"])
        return cursor.fetchone()[0]


def test_every_database_answers_alike_and_the_statements_are_counted(fresh, django_assert_num_queries) -> None:
    asked(1)

    with django_assert_num_queries(2):
        asked(2)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no plans to keep")
def test_a_plan_is_kept_after_a_few_tries(fresh) -> None:
    asked(prepared.TRIED)
    assert kept() == 0

    with CaptureQueriesContext(connection) as told:
        asked(2)

    assert kept() == 1
    assert [query["sql"] for query in told] == ["SELECT CAST($1 AS integer) + 1"] * 2


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no plans to keep")
def test_nothing_is_kept_behind_a_pooler(fresh, monkeypatch) -> None:
    # It tells a process number of its own, so the database's is another one.
    connection.ensure_connection()
    monkeypatch.setattr(type(connection.connection.info), "backend_pid", property(lambda _: 1))

    asked(prepared.TRIED + 3)

    assert kept() == 0
