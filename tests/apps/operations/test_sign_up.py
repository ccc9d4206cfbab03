from typing import Any

import pytest
from pytest_django import Settings

from apps.accounts.models import User
from apps.alerts.models import AlertRule
from apps.audit.models import AuditEntry
from apps.common.errors import ConflictError, ForbiddenError, GoneError, InvalidInputError
from apps.operations import sign_up
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.services import new_first_run_token
from tests.factories import NOW, make_user, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery staple"


def come_in(email: str = "ana@example.com", password: str | None = PASSWORD, **rest: Any) -> User:
    return sign_up.sign_up(email=email, password=password, now=NOW, **rest)


def first_run(token: str, email: str = "ana@example.com", password: str = PASSWORD) -> User:
    return sign_up.complete_first_run(token=token, email=email, password=password, workspace_name="Acme", now=NOW)


def test_whoever_signs_up_owns_a_workspace_with_everything_a_fresh_one_has() -> None:
    user = come_in(" Ana@Example.com ", name=" Ana ")

    assert (user.email, user.name, user.is_staff) == ("ana@example.com", "Ana", False)
    assert user.check_password(PASSWORD)
    seat = Membership.objects.get(user=user)
    workspace = seat.workspace
    assert (seat.role, workspace.name, workspace.slug) == ("owner", "Ana's workspace", "anas-workspace")
    assert workspace.public_id == user.public_id
    assert AlertRule.objects.of(workspace).exists()
    assert AuditEntry.objects.of(workspace).get().verb == "workspace.create"


def test_a_very_long_name_still_fits_a_workspace() -> None:
    come_in(name="x" * 500)

    user, workspace = User.objects.get(), Workspace.objects.get()
    assert len(user.name) == 120
    assert workspace.name == f"{'x' * 100}'s workspace"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "nobody"}, "email"),
        ({"email": ""}, "email"),
        ({"email": "a@\ud800b.example"}, "email"),
        ({"email": f"a@{'b' * 60}.{'c' * 60}.{'d' * 60}.{'e' * 60}.{'f' * 20}.example"}, "email"),
        ({"password": "1234567"}, "password"),
        ({"slug": "www"}, "slug"),
    ],
)
def test_a_bad_sign_up_is_refused_and_leaves_nothing_behind(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        come_in(**changes)

    assert list(refusal.value.fields) == [field]
    assert not User.objects.exists()
    assert not Workspace.objects.exists()


def test_an_address_signs_up_once_whatever_its_case() -> None:
    come_in()

    with pytest.raises(ConflictError):
        come_in("ANA@example.com", password="another password")

    assert User.objects.get().check_password(PASSWORD)
    assert Workspace.objects.count() == 1


def test_an_account_of_somebody_elses_sign_in_has_no_password() -> None:
    assert not come_in(password=None).has_usable_password()


@pytest.mark.parametrize(("policy", "is_open"), [("open", True), ("invite", False), ("first_run", False)])
def test_strangers_come_in_where_the_operator_says_so(settings: Settings, policy: str, is_open: bool) -> None:
    settings.SIGNUP = policy

    assert sign_up.sign_up_open() is is_open
    if is_open:
        sign_up.ensure_sign_up_open()
        return
    with pytest.raises(ForbiddenError) as refusal:
        sign_up.ensure_sign_up_open()
    assert refusal.value.code == "signup_closed"


def test_everybody_owns_a_workspace_and_only_one_is_made() -> None:
    user = make_user()

    made = sign_up.ensure_own_workspace(user=user, now=NOW)

    assert sign_up.ensure_own_workspace(user=user, now=NOW) == made
    assert Workspace.objects.get() == made


def test_the_first_account_operates_the_installation_and_its_link_works_once() -> None:
    assert not sign_up.has_accounts()
    token = new_first_run_token(now=NOW)
    assert sign_up.first_run_pending(token, now=NOW)

    user = first_run(token)

    assert (User.objects.get().is_staff, Workspace.objects.get().name) == (True, "Acme")
    assert sign_up.has_accounts()
    assert not sign_up.first_run_pending(token, now=NOW)
    with pytest.raises(GoneError) as refusal:
        first_run(token, "eve@example.com")
    assert refusal.value.code == "first_run_done"
    assert User.objects.get() == user


@pytest.mark.parametrize("token", ["", "guess", "\ud800"])
def test_a_guessed_link_opens_nothing(token: str) -> None:
    new_first_run_token(now=NOW)

    assert not sign_up.first_run_pending(token, now=NOW)
    with pytest.raises(GoneError):
        first_run(token)

    assert not User.objects.exists()


def test_a_link_printed_before_somebody_came_in_another_way_is_dead() -> None:
    token = new_first_run_token(now=NOW)
    make_workspace()

    assert not sign_up.first_run_pending(token, now=NOW)
    with pytest.raises(GoneError):
        first_run(token)


def test_a_bad_password_leaves_the_link_alive() -> None:
    token = new_first_run_token(now=NOW)

    with pytest.raises(InvalidInputError):
        first_run(token, password="short")

    assert not User.objects.exists()
    first_run(token)


@pytest.mark.django_db(transaction=True)
def test_one_link_used_twice_at_once_makes_one_account() -> None:
    token = new_first_run_token(now=NOW)

    outcomes = at_once(lambda: first_run(token), lambda: first_run(token, "eve@example.com"))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["GoneError", "User"]
    assert User.objects.count() == Workspace.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_address_signing_up_twice_at_once_gets_one_account() -> None:
    outcomes = at_once(come_in, come_in)

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["ConflictError", "User"]
    assert User.objects.count() == Workspace.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_an_own_workspace_asked_for_twice_at_once_is_made_once() -> None:
    user = make_user()

    at_once(*[lambda: sign_up.ensure_own_workspace(user=user, now=NOW)] * 2)

    assert Workspace.objects.get().public_id == user.public_id
