import pytest
import structlog
from pytest_django import DjangoAssertNumQueries

from apps.audit.models import AuditEntry
from apps.audit.selectors import newest_entries
from apps.audit.services import record
from tests.factories import NOW, make_workspace

pytestmark = pytest.mark.django_db


def test_an_entry_says_who_did_what_to_what_when_and_in_which_request() -> None:
    workspace = make_workspace()

    with structlog.contextvars.bound_contextvars(request_id="req_0123456789ABCDEFGHJK"):
        entry = record(
            workspace=workspace,
            actor="ana@example.com",
            verb="device.update",
            subject="Till 1",
            at=NOW,
            changes={"name": ["Till", "Till 1"]},
        )

    stored = AuditEntry.objects.get(pk=entry.pk)
    assert (stored.workspace, stored.actor, stored.verb, stored.subject) == (
        workspace,
        "ana@example.com",
        "device.update",
        "Till 1",
    )
    assert (stored.at, stored.changes, stored.request_id) == (
        NOW,
        {"name": ["Till", "Till 1"]},
        "req_0123456789ABCDEFGHJK",
    )


def test_an_entry_outside_a_request_has_no_request_id_and_long_names_are_cut() -> None:
    entry = record(workspace=make_workspace().pk, actor="a" * 300, verb="x.y", subject="s" * 300, at=NOW)

    stored = AuditEntry.objects.get(pk=entry.pk)
    assert (len(stored.actor), len(stored.subject), stored.changes, stored.request_id) == (160, 160, {}, "")


def test_the_trail_is_read_newest_first_in_pages_and_only_ones_own(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ours, theirs = make_workspace(), make_workspace()
    AuditEntry.objects.all().delete()
    for index in range(5):
        record(workspace=ours, actor="a", verb="x.y", subject=str(index), at=NOW)
        record(workspace=theirs, actor="a", verb="x.y", subject="foreign", at=NOW)

    with django_assert_num_queries(1):
        first = newest_entries(workspace=ours, limit=3)
    rest = newest_entries(workspace=ours, limit=3, before_id=first[-1].pk)

    assert [entry.subject for entry in first] == ["4", "3", "2"]
    assert [entry.subject for entry in rest] == ["1", "0"]
