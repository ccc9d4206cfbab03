"""A test database that other processes and threads can open by its address."""

import pytest
from django.db import connection


@pytest.fixture
def shared_database(transactional_db) -> str:
    """The address of this test's database, as DATABASE_URL spells it; what is written is there for everybody."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{database['NAME']}"
    user = ":".join(part for part in (database["USER"], database["PASSWORD"]) if part)
    return f"postgres://{user}@{database['HOST']}:{database['PORT']}/{database['NAME']}"
