from datetime import timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from apps.common.errors import AlreadyExistsError, ForbiddenError, InvalidInputError, PlanLimitError
from apps.projects import services
from apps.projects.models import Project, ProjectMember
from apps.workspaces.models import Membership, Workspace
from tests.factories import NOW, make_project, make_seat, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db


@pytest.fixture
def workspace() -> Workspace:
    return make_workspace()


def make(workspace: Workspace, name: str = "Berlin branch", key: str | None = None, **rest: Any) -> Project:
    return services.create_project(workspace=workspace, name=name, key=key, now=NOW, **rest)


def test_a_project_is_kept_as_described(workspace: Workspace) -> None:
    made = make(workspace, "  Berlin branch ", key="berlin-01", location="Berlin", notes="")

    stored = Project.objects.of(workspace).get()
    assert stored == made
    assert (stored.key, stored.name, stored.location, stored.notes) == ("berlin-01", "Berlin branch", "Berlin", "")
    assert (stored.created_at, stored.updated_at) == (NOW, NOW)


@pytest.mark.parametrize(
    ("name", "key"), [("Berlin branch", "berlin-branch"), ("Köln", "koln"), ("日本", "project"), ("x" * 120, "x" * 56)]
)
def test_a_key_is_made_from_the_name(workspace: Workspace, name: str, key: str) -> None:
    assert make(workspace, name).key == key
    assert make(workspace, name).key == f"{key}-2"
    assert make(workspace, name).key == f"{key}-3"


def test_a_key_is_unique_inside_its_workspace_only_and_told_apart_by_case(workspace: Workspace) -> None:
    make(workspace, key="berlin")
    make(workspace, key="Berlin")
    make(make_workspace(), key="berlin")

    with pytest.raises(AlreadyExistsError) as refusal:
        make(workspace, key="berlin")

    assert refusal.value.message == "Project ID already exists"
    assert Project.objects.of(workspace).count() == 2


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": " "}, "name"),
        ({"name": "x" * 121}, "name"),
        ({"key": ""}, "id"),
        ({"key": "a b"}, "id"),
        ({"key": "ä"}, "id"),
        ({"key": "x" * 65}, "id"),
        ({"key": "."}, "id"),
        ({"key": ".."}, "id"),
        ({"location": "x" * 201}, "location"),
        ({"notes": "x" * 4001}, "notes"),
        ({"name": "a\x00"}, "name"),
        ({"location": "\ud800"}, "location"),
        ({"notes": "a\x00"}, "notes"),
    ],
)
def test_a_bad_project_is_refused_and_leaves_nothing_behind(
    workspace: Workspace, changes: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        make(workspace, **changes)

    assert list(refusal.value.fields) == [field]
    assert not Project.objects.exists()


def test_the_sentences_are_the_endpoints(workspace: Workspace) -> None:
    with pytest.raises(InvalidInputError) as creating:
        make(workspace, "")
    with pytest.raises(InvalidInputError) as updating:
        services.update_project(project=make(workspace), name="", location=None, notes=None, now=NOW)

    assert creating.value.message == "Project name and Project ID are required"
    assert updating.value.message == "Project name is required"


def test_the_plans_last_place_is_given_and_the_next_refused(settings: Settings) -> None:
    settings.PROFILE = "saas"
    free = make_workspace(plan="free")
    for _ in range(3):
        make(free)

    with pytest.raises(PlanLimitError) as refusal:
        make(free, key="one-more")

    assert refusal.value.message == "Plan limit reached. Your plan allows 3 projects."
    assert services.count_projects(free.pk) == 3
    make(make_workspace(plan="free"))


def test_a_full_plan_answers_before_a_taken_key(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace(limit_overrides={"projects": 1})
    make(workspace, key="berlin")

    with pytest.raises(PlanLimitError):
        make(workspace, key="berlin")


def test_an_update_replaces_everything_but_the_key(workspace: Workspace) -> None:
    project = make(workspace, key="berlin", location="Berlin", notes="old")
    later = NOW + timedelta(hours=1)

    services.update_project(project=project, name=" Lisbon ", location=None, notes=None, now=later)

    stored = Project.objects.get()
    assert (stored.key, stored.name, stored.location, stored.notes) == ("berlin", "Lisbon", None, None)
    assert (stored.created_at, stored.updated_at) == (NOW, later)


def test_a_bad_update_changes_nothing(workspace: Workspace) -> None:
    project = make(workspace)

    with pytest.raises(InvalidInputError):
        services.update_project(project=project, name="x" * 121, location="x" * 201, notes=None, now=NOW)

    assert Project.objects.get().name == "Berlin branch"


def scope_of(seat: Membership) -> list[str]:
    return sorted(ProjectMember.objects.filter(seat=seat).values_list("project__key", flat=True))


def test_a_seat_is_limited_to_projects_moved_and_set_free(workspace: Workspace) -> None:
    for key in ("a", "b", "c"):
        make(workspace, key=key)
    seat = make_seat(workspace, "editor")

    services.set_scope(seat=seat, project_keys=["a", "b", "a"])
    assert (scope_of(seat), Membership.objects.get(pk=seat.pk).reach) == (["a", "b"], "projects")
    services.set_scope(seat=seat, project_keys=["b", "c"])
    assert scope_of(seat) == ["b", "c"]
    services.set_scope(seat=seat, project_keys=[])
    assert (scope_of(seat), Membership.objects.get(pk=seat.pk).reach) == ([], "projects")
    services.set_scope(seat=seat, project_keys=None)
    assert (scope_of(seat), Membership.objects.get(pk=seat.pk).reach) == ([], "all")


def test_a_scope_names_projects_of_its_own_workspace_only(workspace: Workspace) -> None:
    make(workspace, key="ours")
    make(make_workspace(), key="theirs")
    seat = make_seat(workspace, "editor")

    with pytest.raises(InvalidInputError) as refusal:
        services.set_scope(seat=seat, project_keys=["ours", "theirs"])

    assert refusal.value.fields == {"projectIds": "Unknown project: theirs"}
    assert (scope_of(seat), Membership.objects.get(pk=seat.pk).reach) == ([], "all")


def test_the_owner_always_reaches_everything(workspace: Workspace) -> None:
    project = make(workspace)
    owner = Membership.objects.of(workspace).get(role="owner")

    with pytest.raises(ForbiddenError):
        services.set_scope(seat=owner, project_keys=[project.key])
    services.set_scope(seat=owner, project_keys=None)

    assert Membership.objects.get(pk=owner.pk).reach == "all"


def test_projects_are_found_by_key_in_one_statement(
    workspace: Workspace, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    a, b = make(workspace, key="a"), make(workspace, key="b")

    with django_assert_num_queries(1):
        assert set(services.projects_by_key(workspace=workspace, keys=["a", "b", "b"])) == {a, b}
    with pytest.raises(InvalidInputError) as refusal:
        services.projects_by_key(workspace=workspace, keys=["a", "b"], among=[a.pk], field="projects")

    assert refusal.value.fields == {"projects": "Unknown project: b"}


@pytest.mark.django_db(transaction=True)
def test_the_last_place_is_given_once_to_two_who_ask_at_once(settings: Settings) -> None:
    settings.PROFILE = "saas"
    workspace = make_workspace(limit_overrides={"projects": 1})

    made = at_once(lambda: make(workspace), lambda: make(workspace))

    assert sorted(type(one).__name__ for one in made) == ["PlanLimitError", "Project"]
    assert Project.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_key_asked_for_twice_at_once_is_given_once() -> None:
    workspace = make_workspace()

    made = at_once(lambda: make(workspace, key="a"), lambda: make(workspace, key="a"))

    assert sorted(type(one).__name__ for one in made) == ["AlreadyExistsError", "Project"]


@pytest.mark.django_db(transaction=True)
def test_two_projects_of_one_name_made_at_once_get_two_keys() -> None:
    workspace = make_workspace()

    at_once(lambda: make(workspace), lambda: make(workspace))

    keys = Project.objects.order_by("key").values_list("key", flat=True)
    assert list(keys) == ["berlin-branch", "berlin-branch-2"]
    assert make_project(workspace, "third").key == "third"
