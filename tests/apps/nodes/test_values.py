"""The pure rules of nodes: versions, tags, what static facts keep, and how long a node may be silent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.common.errors import InvalidInputError
from apps.nodes import versions
from apps.nodes.facts import cores, merged
from apps.nodes.tags import clean_tags
from apps.nodes.types import stale_after_s

# The order of semver.org's own example, and neighbours of it.
ASCENDING = [
    "0.9.9",
    "1.0.0-alpha",
    "1.0.0-alpha.1",
    "1.0.0-alpha.beta",
    "1.0.0-beta",
    "1.0.0-beta.2",
    "1.0.0-beta.11",
    "1.0.0-rc.1",
    "1.0.0",
    "1.0.10",
    "1.1.0",
    "10.0.0",
]


@given(st.integers(0, len(ASCENDING) - 1), st.integers(0, len(ASCENDING) - 1))
def test_versions_compare_by_precedence(left: int, right: int) -> None:
    assert versions.compare(ASCENDING[left], ASCENDING[right]) == (left > right) - (left < right)


@pytest.mark.parametrize("text", ["v1.0.0", "1.0.0 ", "1.0.0-", "1.0.0-01", "1.0.0-a..b", "1.0.٣", "1.0.0-" + "a" * 99])
def test_what_is_no_version_is_none(text: str) -> None:
    assert versions.parse(text) is None
    assert not versions.updates_itself(text)


def test_a_wish_stands_until_the_agent_says_it_or_something_newer() -> None:
    owed = {
        reported: versions.is_owed(reported=reported, wanted="1.2.0")
        for reported in ("unknown", "1.1.9", "1.2.0-rc.1", "1.2.0", "1.2.0+build", "1.2.1")
    }

    assert owed == {
        "unknown": True,
        "1.1.9": True,
        "1.2.0-rc.1": True,
        "1.2.0": False,
        "1.2.0+build": True,
        "1.2.1": False,
    }
    assert not versions.is_owed(reported="1.0.0", wanted="")


@pytest.mark.parametrize("tags", [["x" * 65], [str(number) for number in range(33)], {"a": 1}])
def test_too_many_or_too_long_tags_are_refused(tags: object) -> None:
    with pytest.raises(InvalidInputError):
        clean_tags(tags)


def test_tags_keep_their_case_and_order() -> None:
    assert clean_tags([" b ", "A", None, "a", "b"]) == ["b", "A", "a"]


def test_a_machine_does_not_lose_its_name_or_its_swap() -> None:
    before = {
        "cpu": {"model": "EPYC", "vendor": "AMD", "frequency_mhz": 3000, "cores_logical": 8},
        "memory": {"total": 9, "swap_total": 4},
    }
    fresh = {
        "cpu": {"model": "", "vendor": "", "frequency_mhz": 0, "cores_logical": 0},
        "memory": {"total": 0, "swap_total": 0},
    }

    assert merged(before, fresh) == {
        "cpu": {"model": "EPYC", "vendor": "AMD", "frequency_mhz": 3000, "cores_logical": 0},
        "memory": {"total": 0, "swap_total": 4},
    }
    assert merged(None, fresh) == fresh
    assert before["cpu"]["cores_logical"] == 8


def test_cores_are_the_logical_ones_where_they_are_known() -> None:
    known = [{"cores_logical": 8, "cores_physical": 4}, {"cores_logical": 0, "cores_physical": 4}, {}]

    assert [cores({"cpu": cpu}) for cpu in known] == [8, 4, None]


def test_silence_is_four_reports_and_fourteen_seconds_at_least() -> None:
    assert [stale_after_s(interval) for interval in (1, 3, 10, 60)] == [14, 14, 42, 242]
