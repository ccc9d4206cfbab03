"""What is left of a closed workspace goes, all of it, and nothing of anybody else's."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.test import Client

from apps.accounts.models import User
from apps.audit.models import AuditEntry
from apps.common.errors import ConflictError
from apps.operations import erasure
from apps.operations.backlog import other_queues
from apps.operations.closing import GRACE, close_workspace, reopen_workspace
from apps.operations.erasure import LEASE, erase_due
from apps.operations.models import Erasure
from apps.pipeline.windows import set_maintenance
from apps.projects.actors import actor_of
from apps.projects.windows import Target
from apps.statuspages import services as statuspages
from apps.workspaces.models import Installation, Membership, Workspace
from tests.apps.web.conftest import break_down, measure
from tests.every_table import Picture, every_model, fill, picture
from tests.factories import NOW, make_device, make_project, make_seat, make_token, make_user, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db
OVER = NOW + GRACE


def closed(workspace: Workspace, *, now: datetime = NOW) -> Workspace:
    seat = Membership.objects.of(workspace).select_related("user").get(role="owner")
    close_workspace(workspace=workspace, actor=actor_of(seat, seat.user), now=now)
    return workspace


def furnished(name: str) -> Workspace:
    """A workspace with rows in every table, whose owner has signed in with everything there is."""
    owner = make_user(f"owner@{name}.example")
    workspace = make_workspace(owner=owner, name=name)
    make_seat(workspace, "editor", user=make_user(f"editor@{name}.example"))
    device = make_device(make_project(workspace), tags=["shop"])
    beat = make_device(device.project, "Backup", kind="heartbeat", parents=[device])
    measure(device, "up", "down", "up", now=NOW)
    break_down(beat, at=NOW)
    make_token(workspace)
    values = {"name": name, "slug": name}
    statuspages.create_page(workspace=workspace, values=values, projects=[device.project], now=NOW)
    set_maintenance(target=Target(workspace.pk, ref=device.ref), starts_at=NOW, ends_at=None, now=NOW)
    fill(workspace, owner)
    Client().force_login(owner)
    session = Session.objects.exclude(pk__in=UserSession.objects.values("session_key")).latest("expire_date")
    UserSession.objects.create(user=owner, ip="127.0.0.1", session_key=session.pk, user_agent="a browser")
    Authenticator.objects.create(user=owner, type="totp", data={})
    account = SocialAccount.objects.create(user=owner, provider="oidc", uid=name)
    SocialToken.objects.create(account=account, token="t")
    EmailAddress.objects.get(user=owner).emailconfirmation_set.create(key=name, sent=NOW)
    return workspace


def difference(one: Picture, other: Picture) -> dict[str, Any]:
    return {label: (one[label], other[label]) for label in one if one[label] != other[label]}


def test_every_row_of_a_workspace_goes_and_every_row_of_another_stays() -> None:
    furnished("stays")
    before = picture()
    closed(furnished("goes"))
    added = {label: len(rows) - len(before[label]) for label, rows in picture().items()}
    # Or this would prove nothing about some table.
    assert [model._meta.label for model in every_model() if not added[model._meta.label]] == []

    assert erase_due(now=OVER) is False

    assert difference(picture(), before) == {}


def test_killed_anywhere_and_run_again_it_ends_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    furnished("stays")
    before = picture()
    closed(furnished("goes"))
    monkeypatch.setattr(erasure, "SLICE", 2)
    proves, asked, kills = erasure.Held.proves, 0, 0

    def killed_further_on_each_time(held: erasure.Held) -> bool:
        nonlocal asked
        asked += 1
        if asked > 7 * kills:
            raise KeyboardInterrupt
        return proves(held)

    monkeypatch.setattr(erasure.Held, "proves", killed_further_on_each_time)
    while Erasure.objects.exists():
        try:
            erase_due(now=OVER + 2 * kills * LEASE)
        except KeyboardInterrupt:
            kills, asked = kills + 1, 0

    assert kills > 5
    assert difference(picture(), before) == {}


def test_it_begins_when_the_grace_is_over_and_not_before() -> None:
    workspace = closed(make_workspace())

    assert erase_due(now=OVER - timedelta(seconds=1)) is False
    assert Erasure.objects.of(workspace).get().begun_at is None

    erase_due(now=OVER)
    assert not Workspace.objects.filter(pk=workspace.pk).exists()


def test_out_of_time_it_gives_the_lease_back_and_goes_on_later() -> None:
    workspace = closed(furnished("goes"))

    assert erase_due(now=OVER, budget_s=0) is True

    row = Erasure.objects.of(workspace).get()
    assert row.begun_at is not None
    assert row.lease_until is None
    runs = 0
    while erase_due(now=OVER, budget_s=0):
        runs += 1
    assert runs > 5
    assert not Workspace.objects.filter(pk=workspace.pk).exists()


def test_what_somebody_else_holds_is_left_alone() -> None:
    workspace = closed(make_workspace())
    Erasure.objects.of(workspace).update(lease_until=OVER + LEASE, begun_at=OVER)

    assert erase_due(now=OVER) is False
    assert Workspace.objects.filter(pk=workspace.pk).exists()

    erase_due(now=OVER + LEASE)
    assert not Workspace.objects.filter(pk=workspace.pk).exists()


def test_whoever_lost_the_lease_deletes_nothing_more(monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = closed(furnished("goes"))
    delete_slice = erasure._delete_slice

    def lose(*args: Any) -> int:
        Erasure.objects.of(workspace).update(token=None)
        return delete_slice(*args)

    monkeypatch.setattr(erasure, "_delete_slice", lose)

    assert erase_due(now=OVER) is False
    assert AuditEntry.objects.of(workspace).exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_end_as_one() -> None:
    furnished("stays")
    before = picture()
    closed(furnished("goes"))

    outcomes = at_once(lambda: erase_due(now=OVER), lambda: erase_due(now=OVER))

    assert outcomes == [False, False]
    assert difference(picture(), before) == {}


def test_people_with_another_seat_or_the_operators_right_keep_their_accounts() -> None:
    owner, elsewhere, leaving = make_user(), make_user(), make_user()
    operator, lonely = make_user(), make_user("lonely@example.com")
    User.objects.filter(pk=operator.pk).update(is_staff=True)
    workspace = make_workspace(owner=owner)
    for user in (elsewhere, leaving, operator, lonely):
        make_seat(workspace, "viewer", user=user)
    make_seat(make_workspace(), "viewer", user=elsewhere)
    # Closed as well, and not yet erased: its owner may get it back.
    closed(make_workspace(owner=leaving), now=NOW + timedelta(days=1))
    closed(workspace)

    erase_due(now=OVER)

    there = set(User.objects.values_list("pk", flat=True))
    assert {elsewhere.pk, leaving.pk, operator.pk} <= there
    assert not {owner.pk, lonely.pk} & there


def test_an_installation_whose_default_workspace_is_erased_has_none() -> None:
    workspace = closed(make_workspace())
    assert Installation.objects.get().default_workspace_id == workspace.pk

    erase_due(now=OVER)

    assert Installation.objects.get().default_workspace_id is None


def test_once_it_has_begun_there_is_no_way_back() -> None:
    workspace = closed(make_workspace())
    erase_due(now=OVER, budget_s=0)

    with pytest.raises(ConflictError):
        reopen_workspace(slug=workspace.slug, now=OVER)


def test_the_operator_sees_what_waits_and_what_is_held() -> None:
    workspace = closed(make_workspace())

    def queue(now: datetime) -> tuple[int, timedelta | None, int, int]:
        found = next(queue for queue in other_queues(now) if queue.name == "erasures")
        return found.waiting, found.lag, found.held, found.expired

    assert queue(NOW) == (0, None, 0, 0)
    assert queue(OVER + timedelta(hours=2)) == (1, timedelta(hours=2), 0, 0)
    Erasure.objects.of(workspace).update(begun_at=OVER, lease_until=OVER + LEASE)
    assert queue(OVER) == (0, None, 1, 0)
    assert queue(OVER + LEASE) == (1, None, 0, 1)
