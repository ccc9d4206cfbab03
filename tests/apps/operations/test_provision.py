"""`manage.py provision` as a script runs it."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from apps.accounts.models import User
from apps.common.errors import InvalidInputError
from apps.devices.models import Device
from apps.operations.provision import Wanted, checked_plan, provision
from apps.tokens.logins import login_of, opens
from apps.tokens.models import ApiToken
from apps.tokens.selectors import token_by_secret
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.selectors import default_workspace
from apps.workspaces.usage import plan_of
from tests.factories import NOW, make_device, make_project
from tests.together import at_once

pytestmark = pytest.mark.django_db


def run(*arguments: str, slug: str = "acme", owner: str = "ana@example.com") -> dict[str, Any]:
    out = StringIO()
    call_command("provision", "--workspace", slug, "--owner", owner, *arguments, "--json", stdout=out)
    lines = out.getvalue().splitlines()
    assert len(lines) == 1
    made: dict[str, Any] = json.loads(lines[0])
    return made


def test_the_printed_object_has_what_a_script_needs(settings: Settings) -> None:
    settings.HOST, settings.PORT = "127.0.0.1", 8000

    made = run("--password", "correct horse", owner="Ana@Example.com")

    user, workspace = User.objects.get(), Workspace.objects.get()
    assert made == {
        "base_url": "http://127.0.0.1:8000",
        "urls": {
            "app": "http://127.0.0.1:8000",
            "workspace": "http://acme.localhost:8000",
            "dash": "http://127.0.0.1:8000",
        },
        "workspace": {"id": str(workspace.public_id), "slug": "acme", "host": "acme.localhost:8000"},
        "owner": {"id": str(user.public_id), "email": "ana@example.com", "password": "correct horse"},
        "tokens": made["tokens"],
        "dash": {"password": made["dash"]["password"]},
    }
    assert set(made["tokens"]) == {"read_write", "read_only"}
    assert opens(login_of(workspace, "dash"), made["dash"]["password"])
    assert workspace.public_id == user.public_id
    assert default_workspace() == workspace


def test_what_is_printed_works() -> None:
    made = run()

    user = User.objects.get()
    assert user.check_password(made["owner"]["password"])
    assert user.is_staff
    for access, raw in made["tokens"].items():
        token = token_by_secret(raw)
        assert token is not None
        assert (token.access, token.workspace.slug) == (access, "acme")
        assert token.seat == Membership.objects.get(user=user)


def test_a_second_run_changes_nothing_and_tells_no_secret_twice() -> None:
    first = run("--password", "correct horse")
    before = (User.objects.get().password, set(ApiToken.objects.values_list("hash", flat=True)))

    second = run()

    assert (User.objects.get().password, set(ApiToken.objects.values_list("hash", flat=True))) == before
    assert Workspace.objects.count() == Membership.objects.count() == 1
    assert second["tokens"] == {"read_write": None, "read_only": None}
    assert second["dash"] == {"password": None}
    assert opens(login_of(Workspace.objects.get(), "dash"), first["dash"]["password"])
    assert second["owner"] == first["owner"] | {"password": None}
    assert second["workspace"] == first["workspace"]


def test_a_known_password_is_printed_back_and_another_one_is_not_set() -> None:
    run("--password", "correct horse")

    assert run("--password", "correct horse")["owner"]["password"] == "correct horse"
    assert run("--password", "another one")["owner"]["password"] is None
    assert User.objects.get().check_password("correct horse")


def test_a_second_workspace_has_an_address_of_its_own_for_its_clients(settings: Settings) -> None:
    settings.HOST, settings.PORT = "127.0.0.1", 8000
    run()

    assert run(slug="umbrella", owner="bo@example.com")["urls"]["dash"] == "http://umbrella.localhost:8000"


def test_rotation_replaces_every_secret() -> None:
    first = run()

    second = run("--rotate")

    assert User.objects.get().check_password(second["owner"]["password"])
    assert not User.objects.get().check_password(first["owner"]["password"])
    for name, raw in first["tokens"].items():
        old, new = token_by_secret(raw), token_by_secret(second["tokens"][name])
        assert old is not None
        assert new is not None
        assert old.revoked_at is not None
        assert new.revoked_at is None
    login = login_of(Workspace.objects.get(), "dash")
    assert [opens(login, made["dash"]["password"]) for made in (first, second)] == [False, True]
    assert run("--rotate", "--password", "correct horse")["owner"]["password"] == "correct horse"


def test_a_revoked_token_is_made_anew_without_rotation() -> None:
    first = run()
    ApiToken.objects.filter(access="read_only").update(revoked_at=NOW)

    second = run()

    assert second["tokens"]["read_write"] is None
    assert second["tokens"]["read_only"] not in {None, first["tokens"]["read_only"]}


def test_a_plan_changes_at_once_and_monitors_follow(settings: Settings) -> None:
    settings.PROFILE = "saas"
    run("--plan", "premium")
    workspace = Workspace.objects.get()
    project = make_project(workspace)
    http, dns = make_device(project, interval_s=900), make_device(project, kind="dns")

    run("--plan", "free")

    assert plan_of(Workspace.objects.get(), now=timezone.now()) == "free"
    assert Device.objects.get(pk=http.pk).interval_s == 7200
    assert Device.objects.get(pk=dns.pk).pause_reason == "premium_required"

    run()
    assert Workspace.objects.get().plan == "free"
    run("--plan", "premium")

    assert plan_of(Workspace.objects.get(), now=timezone.now()) == "premium"
    assert Device.objects.get(pk=http.pk).interval_s == 900
    assert not Device.objects.get(pk=dns.pk).paused


def test_a_lapsed_premium_is_renewed_when_it_is_asked_for(settings: Settings) -> None:
    settings.PROFILE = "saas"
    run("--plan", "premium")
    Workspace.objects.update(plan_status="canceled", premium_until=timezone.now() - timedelta(days=1))

    run("--plan", "premium")

    assert plan_of(Workspace.objects.get(), now=timezone.now()) == "premium"


def test_a_running_term_is_left_alone(settings: Settings) -> None:
    settings.PROFILE = "saas"
    run("--plan", "premium")
    until = timezone.now() + timedelta(days=30)
    Workspace.objects.update(premium_until=until)

    run("--plan", "premium")

    assert Workspace.objects.get().premium_until == until


def test_a_free_workspace_has_its_tokens_too(settings: Settings) -> None:
    settings.PROFILE = "saas"

    made = run()

    assert Workspace.objects.get().plan == "free"
    assert all(token_by_secret(raw) for raw in made["tokens"].values())


def test_an_owner_has_as_many_workspaces_as_wanted_and_the_second_has_an_id_of_its_own() -> None:
    first, second = run(), run(slug="other")

    assert first["owner"]["id"] == second["owner"]["id"] == first["workspace"]["id"]
    assert second["workspace"]["id"] != first["workspace"]["id"]
    assert second["owner"]["password"] is None
    assert second["tokens"]["read_write"] is not None


def test_the_second_owner_does_not_operate_the_installation() -> None:
    run()
    run(slug="other", owner="bo@example.com")

    assert [user.is_staff for user in User.objects.order_by("pk")] == [True, False]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"owner": "bo@example.com"}, "belongs to somebody else"),
        ({"slug": "Acme"}, "slug"),
        ({"slug": "www"}, "slug"),
        ({"owner": "nobody"}, "email"),
    ],
)
def test_a_refusal_says_why_and_leaves_nothing_behind(arguments: dict[str, str], words: str) -> None:
    run()
    tokens = set(ApiToken.objects.values_list("hash", flat=True))

    with pytest.raises(CommandError, match=words):
        run("--rotate", **arguments)

    assert list(User.objects.values_list("email", flat=True)) == ["ana@example.com"]
    assert set(ApiToken.objects.values_list("hash", flat=True)) == tokens
    assert not ApiToken.objects.filter(revoked_at__isnull=False).exists()


def test_plans_are_free_or_premium() -> None:
    assert checked_plan(None) is None
    assert checked_plan("free") == Workspace.Plan.FREE
    with pytest.raises(InvalidInputError):
        checked_plan("gold")
    with pytest.raises(CommandError):
        run("--plan", "gold")


def test_people_read_a_summary() -> None:
    first, second = StringIO(), StringIO()
    for out in (first, second):
        call_command("provision", workspace="acme", owner="ana@example.com", stdout=out)

    token = ApiToken.objects.get(access="read_write")
    assert f"  read_write  {token.prefix}" in first.getvalue()
    assert "(unchanged)" in second.getvalue()
    assert "--rotate makes a new one" in second.getvalue()


@pytest.mark.django_db(transaction=True)
def test_two_runs_at_once_make_one_of_everything() -> None:
    wanted = Wanted(slug="acme", owner="ana@example.com")

    outcomes = at_once(lambda: provision(wanted=wanted, now=NOW), lambda: provision(wanted=wanted, now=NOW))

    printed = [made["tokens"]["read_write"] for made in outcomes if isinstance(made, dict)]
    assert len(printed) == 2
    assert sum(raw is not None for raw in printed) == 1
    assert (User.objects.count(), Workspace.objects.count(), ApiToken.objects.count()) == (1, 1, 2)
