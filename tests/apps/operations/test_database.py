import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from apps.operations.database import bring_up_to_date, is_behind


@pytest.mark.django_db(transaction=True)
def test_a_missing_migration_is_applied_and_only_then(monkeypatch) -> None:
    applied = []
    monkeypatch.setattr("apps.operations.database.call_command", lambda name, **_: applied.append(name))
    bring_up_to_date()
    assert applied == []

    MigrationRecorder(connection).record_unapplied("operations_test", "0001")  # a stranger's record changes nothing
    MigrationRecorder(connection).record_unapplied("audit", "0001_initial")
    try:
        assert is_behind()
        bring_up_to_date()
        assert applied == ["migrate"]
    finally:
        call_command("migrate", "audit", fake=True, verbosity=0)
    assert not is_behind()
