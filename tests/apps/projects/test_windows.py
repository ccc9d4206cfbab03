from datetime import datetime, timedelta

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.common.errors import InvalidInputError
from apps.common.values import Ref
from apps.projects.models import MaintenanceWindow, Project
from apps.projects.windows import Target, clear_window, manual_windows, set_window, windows_between
from tests.factories import NOW, make_project, make_workspace
from tests.together import at_once

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)


@pytest.fixture
def project() -> Project:
    return make_project(make_workspace())


def device(project: Project, number: int = 7) -> Target:
    return Target(workspace_id=project.workspace_id, ref=Ref("device", number))


def whole(project: Project) -> Target:
    return Target(workspace_id=project.workspace_id, project=project)


def between(project: Project, start: datetime, end: datetime, *numbers: int) -> dict[int, list[MaintenanceWindow]]:
    subjects = dict.fromkeys(numbers or (7,), project.pk)
    return windows_between(workspace_id=project.workspace_id, kind="device", subjects=subjects, start=start, end=end)


def test_a_window_silences_from_start_to_end_both_included(project: Project) -> None:
    window = set_window(target=device(project), starts_at=NOW, ends_at=NOW + HOUR, reason="x" * 300, now=NOW)

    step = timedelta(microseconds=1)
    assert [window.covers(NOW + offset) for offset in (-step, 0 * step, HOUR, HOUR + step)] == [
        False,
        True,
        True,
        False,
    ]
    assert (window.manual, len(window.reason), window.subject_id, window.project) == (True, 200, 7, None)


def test_a_window_without_end_lasts_until_it_is_cleared(project: Project) -> None:
    window = set_window(target=whole(project), starts_at=NOW, ends_at=None, now=NOW)

    assert window.covers(NOW + timedelta(days=4000))
    clear_window(target=whole(project), now=NOW + HOUR)
    window.refresh_from_db()
    assert (window.ends_at, window.manual) == (NOW + HOUR, None)


@pytest.mark.parametrize("length", [timedelta(0), -HOUR])
def test_a_window_ends_after_it_starts(project: Project, length: timedelta) -> None:
    kept = set_window(target=device(project), starts_at=NOW, ends_at=None, now=NOW)

    with pytest.raises(InvalidInputError) as refusal:
        set_window(target=device(project), starts_at=NOW, ends_at=NOW + length, now=NOW + HOUR)

    assert refusal.value.message == "endTime must be after startTime"
    assert list(MaintenanceWindow.objects.values_list("pk", "ends_at", "manual")) == [(kept.pk, None, True)]


def test_a_window_that_was_in_force_stays_as_history_when_it_is_replaced(project: Project) -> None:
    old = set_window(target=device(project), starts_at=NOW, ends_at=NOW + 5 * HOUR, now=NOW)
    new = set_window(target=device(project), starts_at=NOW + 3 * HOUR, ends_at=None, now=NOW + HOUR)

    old.refresh_from_db()
    assert (old.starts_at, old.ends_at, old.manual) == (NOW, NOW + HOUR, None)
    assert new.manual


def test_a_window_that_has_not_begun_is_forgotten_when_it_is_replaced_or_cleared(project: Project) -> None:
    set_window(target=device(project), starts_at=NOW + HOUR, ends_at=None, now=NOW)
    set_window(target=device(project), starts_at=NOW + 2 * HOUR, ends_at=None, now=NOW)
    assert MaintenanceWindow.objects.count() == 1

    cleared = clear_window(target=device(project), now=NOW)

    assert cleared is not None
    assert not MaintenanceWindow.objects.exists()
    assert clear_window(target=device(project), now=NOW) is None


def test_a_window_that_is_over_keeps_its_end_when_it_is_cleared(project: Project) -> None:
    window = set_window(target=device(project), starts_at=NOW, ends_at=NOW + HOUR, now=NOW)

    clear_window(target=device(project), now=NOW + 2 * HOUR)

    window.refresh_from_db()
    assert (window.ends_at, window.manual) == (NOW + HOUR, None)


def test_targets_do_not_touch_each_other(project: Project) -> None:
    foreign = make_project(make_workspace())
    for target in (device(project), device(project, 8), whole(project), device(foreign), whole(foreign)):
        set_window(target=target, starts_at=NOW, ends_at=None, now=NOW)

    clear_window(target=device(project), now=NOW + HOUR)

    assert MaintenanceWindow.objects.filter(manual=True).count() == 4


def test_windows_of_a_device_are_its_own_and_its_projects_in_one_statement(
    project: Project, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    shared = set_window(target=whole(project), starts_at=NOW - HOUR, ends_at=NOW, now=NOW - 2 * HOUR)
    own = set_window(target=device(project), starts_at=NOW, ends_at=None, now=NOW)
    set_window(target=device(project, 9), starts_at=NOW, ends_at=None, now=NOW)
    foreign = make_project(make_workspace())
    set_window(target=device(foreign), starts_at=NOW, ends_at=None, now=NOW)

    with django_assert_num_queries(1):
        found = between(project, NOW, NOW + HOUR, 7, 8)

    # Touching an end counts: alerts treat both ends as inside.
    assert found == {7: [shared, own], 8: [shared]}
    assert between(project, NOW + HOUR, NOW + HOUR) == {7: [own]}
    assert between(project, NOW - 3 * HOUR, NOW - 2 * HOUR) == {7: []}


def test_manual_windows_are_found_by_target(project: Project) -> None:
    own = set_window(target=device(project), starts_at=NOW, ends_at=None, now=NOW)
    shared = set_window(target=whole(project), starts_at=NOW, ends_at=None, now=NOW)
    gone = set_window(target=device(project, 8), starts_at=NOW, ends_at=None, now=NOW)
    clear_window(target=device(project, 8), now=NOW + HOUR)

    of_devices, of_projects = manual_windows(
        workspace_id=project.workspace_id, kind="device", subjects=[7, 8], projects=[project.pk]
    )

    assert (of_devices, of_projects) == ({7: own}, {project.pk: shared})
    assert MaintenanceWindow.objects.filter(pk=gone.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_two_windows_set_at_once_leave_one_in_force() -> None:
    project = make_project(make_workspace())

    def silence() -> MaintenanceWindow:
        return set_window(target=device(project), starts_at=NOW - HOUR, ends_at=None, now=NOW)

    outcomes = at_once(silence, silence)

    assert all(isinstance(outcome, MaintenanceWindow) for outcome in outcomes), outcomes
    assert MaintenanceWindow.objects.filter(manual=True).count() == 1
