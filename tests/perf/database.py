"""A database of its own for one benchmark, on whatever the environment names."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import django


@contextmanager
def fresh_database() -> Iterator[None]:
    """An empty database with all tables; gone afterwards."""
    django.setup()
    logging.disable(logging.WARNING)
    from django.db import connection

    connection.creation.create_test_db(verbosity=0, autoclobber=True)
    try:
        yield
    finally:
        connection.creation.destroy_test_db(connection.settings_dict["NAME"], verbosity=0)
