import pytest
from django.db import IntegrityError, transaction
from pytest_django import Settings

from apps.accounts.models import User
from apps.common.errors import ConflictError, ForbiddenError, InvalidInputError
from apps.common.hosts import is_slug
from apps.common.ids import digest
from apps.workspaces import services
from apps.workspaces.models import Counter, Installation, Membership, Workspace
from tests.factories import NOW, make_seat, make_user, make_workspace
from tests.together import at_once

Role = Membership.Role
pytestmark = pytest.mark.django_db


def make(owner: User, name: str = "Acme", slug: str | None = None) -> Workspace:
    return services.create_workspace(owner=owner, name=name, slug=slug, now=NOW)


def test_a_persons_first_workspace_carries_the_persons_id_and_later_ones_do_not() -> None:
    ana = make_user()

    first, second = make(ana), make(ana)

    assert first.public_id == ana.public_id
    assert second.public_id != ana.public_id


def test_a_workspace_is_born_with_its_owners_seat() -> None:
    ana = make_user()

    workspace = make(ana)

    seat = Membership.objects.of(workspace).get()
    assert (seat.user, seat.role, seat.reach, seat.number, seat.created_at) == (ana, "owner", "all", 1, NOW)


def test_ones_own_machine_gives_premium_and_a_service_gives_free(settings: Settings) -> None:
    assert make(make_user()).plan == "premium"

    settings.PROFILE = "saas"

    assert make(make_user()).plan == "free"


def test_the_first_workspace_of_ones_own_machine_is_the_default_one() -> None:
    first = make(make_user())
    make(make_user())

    assert Installation.objects.get().default_workspace == first


def test_a_service_has_no_default_workspace(settings: Settings) -> None:
    settings.PROFILE = "saas"
    make(make_user())

    assert Installation.objects.get().default_workspace is None


@pytest.mark.parametrize("slug", ["ab", "my_team", "a--b", "www", "Acme", "acme-", "x" * 49])
def test_a_bad_slug_is_refused_and_leaves_nothing_behind(slug: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        make(make_user(), slug=slug)

    assert list(refusal.value.fields) == ["slug"]
    assert not Workspace.objects.exists()


def test_a_taken_slug_is_a_conflict_and_leaves_nothing_behind() -> None:
    make(make_user(), slug="acme")

    with pytest.raises(ConflictError):
        make(make_user(), slug="acme")

    assert Workspace.objects.count() == Membership.objects.count() == 1


@pytest.mark.parametrize(
    ("wanted", "slug"),
    [
        ("Acme", "acme"),
        ("Ana's workspace", "anas-workspace"),
        ("my_team", "my-team"),
        ("  A -- B  ", "a-b"),
        ("Zürich Nord", "zurich-nord"),
        ("日本", "team"),
        ("", "team"),
        ("ab", "team-ab"),
        ("www", "team-www"),
        ("x" * 39 + " y", "x" * 39),
        ("x" * 80, "x" * 40),
    ],
)
def test_a_name_becomes_a_slug_that_does_as_a_host(wanted: str, slug: str) -> None:
    assert services.free_slug(wanted) == slug
    assert is_slug(slug)


def test_a_slug_that_is_taken_gets_a_number() -> None:
    for expected in ("acme", "acme-2", "acme-3"):
        assert make(make_user()).slug == expected


def test_numbers_run_per_workspace_and_kind_and_are_never_reused() -> None:
    ours, theirs = make_workspace(), make_workspace()

    assert [services.next_number(workspace_id=ours.pk, kind="device") for _ in range(3)] == [1, 2, 3]
    assert services.next_number(workspace_id=ours.pk, kind="incident") == 1
    assert services.next_number(workspace_id=theirs.pk, kind="device") == 1
    assert Counter.objects.of(ours).get(kind="device").last == 3


def test_a_user_who_already_sits_there_keeps_the_seat() -> None:
    workspace, bo = make_workspace(), make_user()
    seat = services.add_seat(workspace=workspace, user=bo, role=Role.EDITOR, now=NOW)

    again = services.add_seat(workspace=workspace, user=bo, role=Role.ADMIN, now=NOW)

    assert (again.pk, again.role, again.number) == (seat.pk, "editor", 2)
    assert services.next_number(workspace_id=workspace.pk, kind="seat") == 3


def test_a_workspace_has_one_owner() -> None:
    workspace = make_workspace()

    with pytest.raises(IntegrityError), transaction.atomic():
        Membership.objects.create(workspace=workspace, user=make_user(), number=9, role="owner", created_at=NOW)


def test_a_seat_gets_another_role() -> None:
    seat = make_seat(make_workspace(), "viewer")

    services.change_role(seat=seat, role=Role.ADMIN, by="owner")

    assert Membership.objects.get(pk=seat.pk).role == "admin"


@pytest.mark.parametrize("role", ["owner", "king", ""])
def test_nobody_becomes_owner_or_something_unheard_of(role: str) -> None:
    seat = make_seat(make_workspace(), "viewer")

    with pytest.raises(ForbiddenError if role == "owner" else InvalidInputError):
        services.change_role(seat=seat, role=role, by="owner")

    assert Membership.objects.get(pk=seat.pk).role == "viewer"


def test_the_owners_seat_is_neither_changed_nor_removed() -> None:
    seat = Membership.objects.of(make_workspace()).get()

    with pytest.raises(ForbiddenError):
        services.change_role(seat=seat, role=Role.VIEWER, by="admin")
    with pytest.raises(ForbiddenError):
        services.remove_seat(seat=seat)

    assert Membership.objects.get(pk=seat.pk).role == "owner"


def test_a_removed_seat_is_gone_and_its_number_is_not_given_again() -> None:
    workspace = make_workspace()
    seat = make_seat(workspace, "editor")

    services.remove_seat(seat=seat)

    assert not Membership.objects.filter(pk=seat.pk).exists()
    assert make_seat(workspace, "editor").number == 3


def test_a_fresh_first_run_link_ends_the_one_before() -> None:
    first = services.new_first_run_token(now=NOW)
    second = services.new_first_run_token(now=NOW)

    installation = services.installation_settings(now=NOW)
    assert first != second
    assert installation.first_run_token_hash == digest(second)
    assert Installation.objects.count() == 1


def test_people_who_sit_somewhere_are_counted_there() -> None:
    ours = make_workspace()
    make_seat(ours, "viewer")
    make_workspace()
    Membership.objects.create(workspace=ours, user=None, number=9, role="viewer", created_at=NOW)

    assert services.count_members(ours.pk) == 2


@pytest.mark.django_db(transaction=True)
def test_numbers_given_at_once_are_all_different() -> None:
    workspace = make_workspace()

    def draw() -> list[int]:
        return [services.next_number(workspace_id=workspace.pk, kind="device") for _ in range(10)]

    drawn = at_once(draw, draw)

    numbers = [number for batch in drawn if isinstance(batch, list) for number in batch]
    assert sorted(numbers) == list(range(1, 21))


@pytest.mark.django_db(transaction=True)
def test_workspaces_made_at_once_under_one_name_get_two_slugs_and_one_default() -> None:
    ana, bo = make_user(), make_user()

    made = at_once(lambda: make(ana), lambda: make(bo))

    assert sorted(workspace.slug for workspace in made if isinstance(workspace, Workspace)) == ["acme", "acme-2"]
    default = Installation.objects.get().default_workspace
    assert default is not None
    assert default.slug == "acme"


@pytest.mark.django_db(transaction=True)
def test_one_slug_asked_for_twice_at_once_is_given_once() -> None:
    ana, bo = make_user(), make_user()

    made = at_once(lambda: make(ana, slug="acme"), lambda: make(bo, slug="acme"))

    assert {type(one) for one in made} == {Workspace, ConflictError}
    assert Workspace.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_user_seated_twice_at_once_sits_once() -> None:
    workspace, bo = make_workspace(), make_user()

    def sit() -> Membership:
        return services.add_seat(workspace=workspace, user=bo, role=Role.EDITOR, now=NOW)

    seats = at_once(sit, sit)

    assert {getattr(seat, "pk", seat) for seat in seats} == {Membership.objects.get(user=bo).pk}
