"""The password of a surface: which ones are taken, and how it is kept."""

from datetime import timedelta

import pytest

from apps.common.errors import InvalidInputError
from apps.tokens.logins import login_of, open_session, opens, session_by_access, set_login_password
from apps.tokens.models import Login, LoginSession
from tests import factories


@pytest.mark.parametrize("password", ["", "seven77", "with a space", "umlaut-ü-1234", "tab\tinside", "x" * 129])
def test_a_password_is_visible_ascii_of_eight_and_more(db, now, password: str) -> None:
    workspace = factories.make_workspace()
    set_login_password(workspace=workspace, surface="dash", password="Stays-As-It-Is", now=now)

    with pytest.raises(InvalidInputError) as caught:
        set_login_password(workspace=workspace, surface="dash", password=password, now=now)

    assert set(caught.value.fields) == {"password"}
    assert opens(login_of(workspace, "dash"), "Stays-As-It-Is")


def test_a_password_is_kept_as_a_slow_hash_alone(db, now) -> None:
    workspace = factories.make_workspace()
    set_login_password(workspace=workspace, surface="dash", password="Opens-The-Dash", now=now)

    kept = Login.objects.get().password
    assert "Opens-The-Dash" not in kept
    assert opens(login_of(workspace, "dash"), "Opens-The-Dash")
    assert not opens(login_of(workspace, "nezha"), "Opens-The-Dash")


def test_a_token_of_one_surface_is_garbage_on_another(db, now) -> None:
    workspace = factories.make_workspace()
    login = set_login_password(workspace=workspace, surface="dash", password="Opens-The-Dash", now=now)
    passes = open_session(login=login, persistent=True, now=now)

    assert session_by_access(passes.access, surface="dash", now=now) == passes.session
    assert session_by_access(passes.access, surface="nezha", now=now) is None
    assert session_by_access(passes.access[:-1], surface="dash", now=now) is None
    assert session_by_access("", surface="dash", now=now) is None


def test_sessions_that_are_over_leave_when_the_next_one_comes(db, now) -> None:
    workspace = factories.make_workspace()
    login = set_login_password(workspace=workspace, surface="dash", password="Opens-The-Dash", now=now)
    for _ in range(3):
        open_session(login=login, persistent=True, now=now)

    open_session(login=login, persistent=True, now=now + timedelta(days=14))

    assert LoginSession.objects.count() == 1


def test_a_password_that_was_changed_meanwhile_opens_nothing(db, now) -> None:
    workspace = factories.make_workspace()
    login = set_login_password(workspace=workspace, surface="dash", password="Opens-The-Dash", now=now)
    assert opens(login, "Opens-The-Dash")

    set_login_password(workspace=workspace, surface="dash", password="Opens-No-More", now=now)

    assert open_session(login=login, persistent=True, now=now) is None
    assert not LoginSession.objects.exists()
