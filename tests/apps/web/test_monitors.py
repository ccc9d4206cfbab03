from datetime import timedelta

import pytest
from django.utils.html import escape

from apps.audit.models import AuditEntry
from apps.devices.models import Device, DeviceState
from apps.devices.services import set_tags
from apps.pipeline.lifecycle import set_paused
from apps.pipeline.windows import set_maintenance
from apps.projects.models import MaintenanceWindow
from apps.projects.windows import Target
from tests import factories
from tests.apps.web.conftest import Scene, break_down, measure


def names(page: str) -> list[str]:
    """The names of the rows in the order of the page."""
    return [part.split("</a>")[0].split(">")[-1] for part in page.split('<a class="name"')[1:]]


def add(scene: Scene, name: str, state: str = "up", rank: int = 0) -> Device:
    device = factories.make_device(scene.project, name, now=scene.now - timedelta(days=1))
    DeviceState.objects.filter(device=device).update(state=state, rank=rank)
    return device


def test_the_worst_stands_first_and_what_is_paused_last(scene: Scene) -> None:
    DeviceState.objects.filter(device=scene.device).update(state="up", rank=0)
    add(scene, "Slow", "warning", 2)
    broken = add(scene, "Broken")
    break_down(broken, at=scene.now)
    silent = add(scene, "Silent", "down", 3)
    set_maintenance(target=Target(scene.workspace.pk, ref=silent.ref), starts_at=scene.now, ends_at=None, now=scene.now)
    set_paused(device=add(scene, "Paused"), paused=True, now=scene.now)

    page = scene.client(scene.owner).get(scene.path("monitors/")).content.decode()

    assert names(page) == ["Broken", "Slow", "Silent", "Till 1", "Paused"]
    assert "no end set" in page


def test_filters_live_in_the_address_and_narrow_the_counts(scene: Scene) -> None:
    tagged = add(scene, "Tagged")
    set_tags(device=tagged, tags=["tier-1"], now=scene.now)
    client = scene.client(scene.owner)

    def shown(query: str) -> list[str]:
        return names(client.get(scene.path(f"monitors/?{query}")).content.decode())

    assert shown("tag=tier-1") == ["Tagged"]
    assert shown("q=TAGG") == ["Tagged"]
    assert shown("q=tier") == ["Tagged"]
    assert shown("state=up") == ["Tagged"]
    assert shown("kind=heartbeat") == []
    assert sorted(shown("project=berlin")) == ["Tagged", "Till 1"]
    assert shown("sort=-name") == ["Till 1", "Tagged"]


def test_an_empty_filter_says_what_it_was_and_leads_out(scene: Scene) -> None:
    page = scene.client(scene.owner).get(scene.path("monitors/?q=nothing-here")).content.decode()

    assert "with “nothing-here”" in page
    assert "Clear filter" in page


def test_what_was_typed_into_the_filter_is_never_markup(scene: Scene) -> None:
    typed = '"><script>alert(1)</script>'
    page = scene.client(scene.owner).get(scene.path("monitors/"), {"q": typed}).content.decode()

    assert typed not in page
    assert escape(typed) in page


def test_a_long_list_goes_on_where_the_page_before_ended(scene: Scene) -> None:
    for number in range(60):
        add(scene, f"Monitor {number:02}")
    client = scene.client(scene.owner)
    first = client.get(scene.path("monitors/?sort=name"))
    place = first.context["older"]
    second = client.get(scene.path("monitors/"), {"sort": "name", "after": place})

    seen = names(first.content.decode()) + names(second.content.decode())
    assert len(names(first.content.decode())) == 50
    assert len(seen) == len(set(seen)) == 61
    assert seen == sorted(seen)
    assert second.context["older"] == ""


def test_worst_first_also_goes_on_without_gap_or_repeat(scene: Scene) -> None:
    for number in range(60):
        add(scene, f"Monitor {number:02}", "down" if number % 2 else "up", 3 if number % 2 else 0)
    client = scene.client(scene.owner)
    first = client.get(scene.path("monitors/"))
    second = client.get(scene.path("monitors/"), {"after": first.context["older"]})

    seen = names(first.content.decode()) + names(second.content.decode())
    assert len(seen) == len(set(seen)) == 61


def test_a_place_nobody_wrote_is_the_beginning(scene: Scene) -> None:
    response = scene.client(scene.owner).get(scene.path("monitors/?after=garbage"))

    assert names(response.content.decode()) == ["Till 1"]


def test_a_row_shows_uptime_and_response_of_what_was_measured(scene: Scene) -> None:
    measure(scene.device, "up", "up", "down", "up", "up", now=scene.now)

    row = scene.client(scene.owner).get(scene.path("monitors/")).context["rows"][0]

    assert row.typical == "212 ms"
    assert row.bar.days[-1].status == "down"
    assert row.bar.uptime != "100 %"
    assert "min 212 ms" in row.spark.summary


def test_the_live_fragment_holds_only_the_rows_and_its_version(scene: Scene) -> None:
    response = scene.client(scene.owner).get(scene.path("monitors/"), headers={"HX-Request": "true"})

    text = response.content.decode()
    assert "<html" not in text
    assert names(text) == ["Till 1"]
    assert int(response["X-Fragment-Version"]) > 0
    assert response["Cache-Control"] == "no-store"


def test_a_page_of_fifty_needs_no_more_statements_than_a_page_of_one(
    scene: Scene, django_assert_max_num_queries: object
) -> None:
    client = scene.client(scene.owner)
    for number in range(49):
        add(scene, f"Monitor {number}")

    with django_assert_max_num_queries(45):  # type: ignore[operator]  # pytest-django's fixture
        client.get(scene.path("monitors/"))


def test_ticked_monitors_are_paused_together_and_written_down(scene: Scene) -> None:
    other = add(scene, "Other")
    client = scene.client(scene.owner)

    client.post(scene.path("monitors/"), {"act": "pause", "pick": [str(scene.device.public_id), str(other.public_id)]})

    assert Device.objects.of(scene.workspace).filter(paused=True).count() == 2
    assert "Till 1" in client.get(scene.path("audit/")).content.decode()


def tick(scene: Scene, *devices: Device, **fields: str) -> str:
    """Send the bar under the list for these monitors; the page that follows."""
    picked = [str(device.public_id) for device in devices]
    client = scene.client(scene.owner)
    return client.post(scene.path("monitors/"), {"pick": picked, **fields}, follow=True).content.decode()


def tags_of(device: Device) -> set[str]:
    return set(device.tags.values_list("text", flat=True))


def test_a_tag_is_put_on_what_is_ticked_and_taken_off_again(scene: Scene) -> None:
    other, left = add(scene, "Other"), add(scene, "Left alone")
    set_tags(device=other, tags=["eu"], now=scene.now)

    page = tick(scene, scene.device, other, act="tag", tags=" EU, Tier-1")
    assert "eu, tier-1 added to 2 of 2 monitors." in page
    assert (tags_of(scene.device), tags_of(other), tags_of(left)) == ({"eu", "tier-1"}, {"eu", "tier-1"}, set())

    page = tick(scene, scene.device, left, act="untag", tags="eu")
    assert "eu removed from 1 of 2 monitors." in page
    assert (tags_of(scene.device), tags_of(other)) == ({"tier-1"}, {"eu", "tier-1"})
    entries = AuditEntry.objects.of(scene.workspace).filter(verb="device.tags.bulk").order_by("id")
    assert [entry.changes["mode"] for entry in entries] == ["add", "remove"]


@pytest.mark.parametrize("tags", ["", "eu, what?!", "x" * 33])
def test_a_tag_that_is_none_changes_nothing(scene: Scene, tags: str) -> None:
    page = tick(scene, scene.device, act="tag", tags=tags)

    assert "A tag has 1 to 32 of letters" in page or "Write the tag first." in page
    assert tags_of(scene.device) == set()
    assert not AuditEntry.objects.of(scene.workspace).filter(verb="device.tags.bulk").exists()


def test_enter_adds_a_tag_and_never_pauses(scene: Scene) -> None:
    assert "eu added to 1 of 1 monitor." in tick(scene, scene.device, tags="eu")
    assert "Nothing was chosen" in tick(scene, scene.device)
    assert Device.objects.get(pk=scene.device.pk).paused is False


def test_maintenance_is_set_for_all_that_is_ticked_and_ended_again(scene: Scene) -> None:
    other = add(scene, "Other")

    tick(scene, scene.device, other, act="silence", ends_at="2099-01-01T10:00", reason="Move")
    windows = MaintenanceWindow.objects.of(scene.workspace).filter(manual=True)
    assert {(window.subject_id, window.reason) for window in windows} == {(scene.device.pk, "Move"), (other.pk, "Move")}

    assert "Maintenance is over for Till 1." in tick(scene, scene.device, act="end")
    assert [window.subject_id for window in windows.all()] == [other.pk]
    verbs = AuditEntry.objects.of(scene.workspace).filter(verb__startswith="maintenance").values_list("verb", flat=True)
    assert sorted(verbs) == ["maintenance.clear", "maintenance.set", "maintenance.set"]


def test_a_window_over_before_it_begins_silences_none_of_them(scene: Scene) -> None:
    times = {"starts_at": "2099-01-02T10:00", "ends_at": "2099-01-01T10:00"}
    page = tick(scene, scene.device, add(scene, "Other"), act="silence", **times)

    assert "Maintenance was not set" in page
    assert not MaintenanceWindow.objects.of(scene.workspace).exists()


def test_ticked_monitors_of_another_workspace_stay_as_they_are(scene: Scene) -> None:
    response = scene.client(scene.stranger).post(
        f"/app/w/{scene.stranger.memberships.get().workspace.slug}/monitors/",
        {"act": "delete", "pick": [str(scene.device.public_id)]},
        follow=True,
    )

    assert "Nothing was ticked" in response.content.decode()
    assert Device.objects.filter(pk=scene.device.pk).exists()
