from datetime import timedelta
from typing import Any

import pytest
from pytest_django import Settings

from apps.common.errors import InvalidInputError, PlanLimitError
from apps.common.ids import digest
from apps.tokens import services
from apps.tokens.models import AgentKey, ApiToken
from apps.tokens.selectors import key_of, token_by_secret, tokens_of
from apps.workspaces.models import Workspace
from tests.factories import NOW, key_with, make_seat, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db
DEVICE = AgentKey.Subject.DEVICE


def make(workspace: Workspace, **changes: Any) -> tuple[ApiToken, str]:
    wanted: dict[str, Any] = {"seat": None, "label": "CI", "access": "read_only", "expires_in_days": None, "now": NOW}
    return services.create_api_token(workspace=workspace, **(wanted | changes))


def renew(workspace: Workspace, subject_id: int = 7) -> str:
    return services.renew_agent_key(workspace=workspace, subject=DEVICE, subject_id=subject_id, prefix="hb_", now=NOW)


def test_a_token_is_shown_once_and_kept_as_its_digest() -> None:
    workspace = make_workspace()

    token, raw = make(workspace, label="  CI  ", access="read_write", expires_in_days=90)

    assert raw.startswith("dm_live_")
    assert len(raw) == len("dm_live_") + 43
    assert (token.label, token.prefix, token.hash) == ("CI", raw[:12], digest(raw))
    assert raw not in {str(value) for value in vars(ApiToken.objects.get()).values()}
    assert token.expires_at == NOW + timedelta(days=90)
    assert token_by_secret(raw) == token


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"label": "  "}, "label"),
        ({"label": "x" * 81}, "label"),
        ({"access": "admin"}, "accessLevel"),
        ({"expires_in_days": 0}, "expiresInDays"),
        ({"expires_in_days": 3651}, "expiresInDays"),
    ],
)
def test_a_bad_token_is_refused_and_leaves_nothing_behind(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        make(make_workspace(), **changes)

    assert list(refusal.value.fields) == [field]
    assert not ApiToken.objects.exists()


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(InvalidInputError) as refusal:
        make(make_workspace(), label="", access="", expires_in_days=-1)

    assert set(refusal.value.fields) == {"label", "accessLevel", "expiresInDays"}


def test_a_token_ends_with_its_last_day() -> None:
    token, _ = make(make_workspace(), expires_in_days=1)

    assert not token.is_expired(NOW + timedelta(days=1, microseconds=-1))
    assert token.is_expired(NOW + timedelta(days=1))
    assert not make(make_workspace())[0].is_expired(NOW + timedelta(days=4000))


def test_the_plan_counts_tokens_that_are_listed(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace(limit_overrides={"apiTokens": 1})
    token, _ = make(workspace)

    with pytest.raises(PlanLimitError) as refusal:
        make(workspace)
    assert refusal.value.message == "Plan limit reached. Your plan allows 1 API tokens."
    assert ApiToken.objects.count() == 1

    services.revoke_api_token(token=token, now=NOW)
    make(workspace)
    make(make_workspace())


def test_a_free_workspace_may_not_add_one_but_may_be_provisioned_with_one(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace(plan="free")

    with pytest.raises(PlanLimitError):
        make(workspace)
    make(workspace, enforce_plan=False)

    assert services.count_tokens(workspace.pk) == 1


def test_a_revoked_token_leaves_the_list_and_is_still_known() -> None:
    workspace = make_workspace()
    token, raw = make(workspace)

    services.revoke_api_token(token=token, now=NOW)
    services.revoke_api_token(token=token, now=NOW + timedelta(days=1))

    assert tokens_of(workspace) == []
    found = token_by_secret(raw)
    assert found is not None
    assert found.revoked_at == NOW


def test_tokens_are_listed_newest_first_and_only_ones_own() -> None:
    workspace = make_workspace()
    older, _ = make(workspace)
    newer, _ = make(workspace, now=NOW + timedelta(minutes=1))
    make(make_workspace())

    assert tokens_of(workspace) == [newer, older]


def test_a_last_use_is_remembered_to_the_minute(django_assert_num_queries: Any) -> None:
    token, raw = make(make_workspace())

    services.note_use(token=token, now=NOW)
    token.refresh_from_db()
    with django_assert_num_queries(0):
        services.note_use(token=token, now=NOW + timedelta(seconds=59))
    services.note_use(token=token, now=NOW + timedelta(seconds=60))

    found = token_by_secret(raw)
    assert found is not None
    assert found.last_used_at == NOW + timedelta(seconds=60)


def test_a_token_outlives_the_seat_that_made_it() -> None:
    workspace = make_workspace()
    seat = make_seat(workspace, "admin")
    _, raw = make(workspace, seat=seat)

    seat.delete()

    found = token_by_secret(raw)
    assert found is not None
    assert found.seat is None


@pytest.mark.parametrize("raw", ["", "dm_live_unknown", "\ud800"])
def test_an_unknown_secret_finds_nothing(raw: str) -> None:
    make(make_workspace())

    assert token_by_secret(raw) is None
    assert key_with(raw) is None


def test_a_renewed_key_replaces_the_old_one_at_once() -> None:
    workspace = make_workspace()
    old = renew(workspace)
    new = renew(workspace)

    assert old != new
    assert key_with(old) is None
    key = key_of(workspace=workspace, subject=DEVICE, subject_id=7)
    assert key is not None
    known = key_with(new)
    assert known is not None
    assert (key.secret, known.subject_id, known.workspace_id) == (new, key.subject_id, key.workspace_id)
    assert AgentKey.objects.count() == 1


def test_keys_of_other_subjects_and_workspaces_are_left_alone() -> None:
    ours, theirs = make_workspace(), make_workspace()
    kept = [renew(theirs), renew(ours, 8)]
    dropped = renew(ours)

    services.drop_agent_key(workspace=ours, subject=DEVICE, subject_id=7)

    assert key_with(dropped) is None
    assert key_of(workspace=ours, subject=DEVICE, subject_id=7) is None
    assert all(key_with(raw) for raw in kept)


@pytest.mark.django_db(transaction=True)
def test_of_two_renewals_at_once_the_later_key_is_in_force() -> None:
    workspace = make_workspace()

    made = at_once(lambda: renew(workspace), lambda: renew(workspace))

    assert all(isinstance(raw, str) for raw in made), made
    assert sum(key_with(str(raw)) is not None for raw in made) == 1


@pytest.mark.django_db(transaction=True)
def test_the_last_token_is_made_once_by_two_who_ask_at_once(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace(limit_overrides={"apiTokens": 1})

    made = at_once(lambda: make(workspace), lambda: make(workspace))

    assert sorted(type(one).__name__ for one in made) == ["PlanLimitError", "tuple"]
    assert ApiToken.objects.count() == 1
