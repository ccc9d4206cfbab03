import pytest
from pytest_django import DjangoAssertNumQueries

from apps.common.errors import InvalidInputError
from apps.devices.services import set_tags
from apps.projects.models import Tag
from apps.projects.tags import clean_tags, drop_unused, ensure_tags, tag_counts
from tests.factories import NOW, make_device, make_project, make_workspace


def test_tags_are_trimmed_lowered_sorted_and_told_once() -> None:
    assert clean_tags([" VPN ", "till", "vpn", "Größe", "a-b_c.d:e/f g", "7"]) == [
        "7",
        "a-b_c.d:e/f g",
        "größe",
        "till",
        "vpn",
    ]
    assert clean_tags([]) == []
    assert clean_tags(["x" * 32]) == ["x" * 32]


@pytest.mark.parametrize("tag", ["", "  ", "x" * 33, "a,b", "a\nb", "<b>", "a\x00", "🔑", 7, None, ["x"]])
def test_a_bad_tag_is_named_by_its_place(tag: object) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        clean_tags(["good", tag], field="tags")

    assert list(refusal.value.fields) == ["tags[1]"]


@pytest.mark.parametrize("raw", [None, "till", {"a": 1}, 7])
def test_tags_are_a_list(raw: object) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        clean_tags(raw, field="labels")

    assert list(refusal.value.fields) == ["labels"]


@pytest.mark.django_db
def test_rows_are_made_where_they_are_missing() -> None:
    ours, theirs = make_workspace(), make_workspace()
    ensure_tags(workspace=theirs, texts=["till"])
    first = ensure_tags(workspace=ours, texts=["till"])

    again = ensure_tags(workspace=ours, texts=["till", "vpn"])

    assert {tag.text for tag in again} == {"till", "vpn"}
    assert first[0] in again
    assert Tag.objects.count() == 3
    assert ensure_tags(workspace=ours, texts=[]) == []


@pytest.mark.django_db
def test_tags_in_use_are_counted_most_used_first(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    workspace = make_workspace()
    berlin, lisbon = make_project(workspace), make_project(workspace)
    set_tags(device=make_device(berlin), tags=["vpn", "till"], now=NOW)
    set_tags(device=make_device(berlin), tags=["till"], now=NOW)
    set_tags(device=make_device(lisbon), tags=["vpn", "eu", "till"], now=NOW)
    foreign = make_device(make_project(make_workspace()))
    set_tags(device=foreign, tags=["foreign"], now=NOW)
    ensure_tags(workspace=workspace, texts=["unused"])

    with django_assert_num_queries(1):
        assert tag_counts(workspace=workspace) == [("till", 3), ("vpn", 2), ("eu", 1)]
    assert tag_counts(workspace=workspace, projects=[berlin.pk]) == [("till", 2), ("vpn", 1)]
    assert tag_counts(workspace=workspace, projects=[]) == []


@pytest.mark.django_db
def test_unused_tags_are_forgotten_in_ones_own_workspace() -> None:
    ours, theirs = make_workspace(), make_workspace()
    ensure_tags(workspace=ours, texts=["unused"])
    ensure_tags(workspace=theirs, texts=["unused"])
    set_tags(device=make_device(make_project(ours)), tags=["used"], now=NOW)

    drop_unused(workspace=ours)

    assert list(Tag.objects.of(ours).values_list("text", flat=True)) == ["used"]
    assert Tag.objects.of(theirs).count() == 1
