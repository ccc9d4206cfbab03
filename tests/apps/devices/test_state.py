"""The rule that moves a device's state: tables first, then properties over any history."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.devices.state import RANK, Flip, Outcome, Snapshot, advance

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WORDS = {"u": "up", "w": "warning", "d": "down"}


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


def outcome(minute: int, status: str, **facts) -> Outcome:
    cause = "" if status == "up" else facts.pop("cause", "refused" if status == "down" else "degraded")
    return Outcome(at(minute), status, cause=cause, cause_text=f"{cause} at {minute}", **facts)


def run(history: str, *, retries: int = 0, state: str = "unknown") -> tuple[Snapshot, list[str], list[Flip]]:
    """Walk through a history of results, one a minute: the state after all, the states shown, the flips."""
    snapshot, shown, flips = Snapshot(state=state, since=START, retries=retries), [], []
    for minute, letter in enumerate(history):
        snapshot, flip = advance(snapshot, outcome(minute, WORDS[letter]))
        shown.append(snapshot.state)
        flips += [flip] if flip else []
    return snapshot, shown, flips


@pytest.mark.parametrize(
    ("history", "retries", "shown", "flips"),
    [
        ("u", 0, "up", ["unknown>up"]),
        ("d", 0, "down", ["unknown>down"]),
        ("w", 0, "warning", ["unknown>warning"]),
        ("uu", 0, "up up", ["unknown>up"]),
        ("uddu", 0, "up down down up", ["unknown>up", "up>down", "down>up"]),
        (
            "uwdwu",
            0,
            "up warning down warning up",
            ["unknown>up", "up>warning", "warning>down", "down>warning", "warning>up"],
        ),
        ("udu", 2, "up warning up", ["unknown>up"]),
        ("uddu", 2, "up warning warning up", ["unknown>up"]),
        ("udddu", 2, "up warning warning down up", ["unknown>up", "up>down", "down>up"]),
        ("ddd", 2, "warning warning down", ["unknown>down"]),
        ("du", 1, "warning up", ["unknown>up"]),
        ("wdu", 1, "warning warning up", ["unknown>warning", "warning>up"]),
        ("wdd", 1, "warning warning down", ["unknown>warning", "warning>down"]),
        ("udw", 1, "up warning warning", ["unknown>up", "up>warning"]),
        ("uddwd", 1, "up warning down warning warning", ["unknown>up", "up>down", "down>warning"]),
    ],
)
def test_a_history_shows_these_states_and_announces_these_flips(history, retries, shown, flips) -> None:
    _, states, announced = run(history, retries=retries)

    assert states == shown.split()
    assert [f"{flip.before}>{flip.after}" for flip in announced] == flips


def test_a_flip_is_dated_to_the_check_that_proves_it() -> None:
    _, _, flips = run("udd", retries=1)

    assert flips[-1] == Flip(at(2), "up", "down", "refused", "refused at 2", "")


def test_a_confirmed_fault_keeps_the_instant_of_its_change_while_it_lasts() -> None:
    snapshot, _, _ = run("uddd")

    assert (snapshot.state, snapshot.since, snapshot.streak, snapshot.cause_text) == ("down", at(1), 1, "refused at 1")


def test_another_cause_of_the_same_trouble_is_put_into_words_without_a_flip() -> None:
    snapshot, _, _ = run("ud")

    after, flip = advance(snapshot, outcome(2, "down", cause="timeout"))

    assert (after.cause, after.cause_text, after.since, flip) == ("timeout", "timeout at 2", at(1), None)


def test_a_result_that_was_not_measured_changes_nothing() -> None:
    snapshot, _, _ = run("u", retries=1)

    assert advance(snapshot, outcome(1, "down", measured=False)) == (snapshot, None)


def test_a_result_older_than_the_state_it_meets_changes_nothing() -> None:
    snapshot, _, _ = run("uuud")

    assert advance(snapshot, outcome(1, "up")) == (snapshot, None)


def test_the_first_result_counts_although_its_slot_began_before_the_device_was_made() -> None:
    after, flip = advance(Snapshot(state="unknown", since=at(1)), outcome(0, "up"))

    assert after.state == "up"
    assert flip is not None


def test_a_held_state_is_shown_and_announced_to_nobody() -> None:
    up, _, _ = run("u")

    late, silent = advance(up, outcome(1, "warning", held=True))
    back, nothing = advance(late, outcome(2, "up"))
    down, flip = advance(late, outcome(2, "down"))

    assert (late.state, late.settled, silent) == ("warning", "up", None)
    assert (back.state, back.announced, nothing) == ("up", "", None)
    assert flip is not None
    assert (down.state, flip.before, flip.after) == ("down", "up", "down")


def test_the_severity_of_a_finding_travels_with_its_flip() -> None:
    _, flip = advance(Snapshot(state="up", since=START), outcome(1, "warning", severity="critical"))

    assert flip is not None
    assert flip.severity == "critical"


def test_a_warning_that_grows_critical_is_told_once_without_a_change_of_state() -> None:
    snapshot, flips = Snapshot(state="up", since=START), []
    for minute, severity in enumerate(("warning", "warning", "critical", "critical", "warning", "critical")):
        snapshot, flip = advance(snapshot, outcome(minute, "warning", severity=severity))
        flips.append(flip)

    told = [(flip.at, flip.before, flip.after, flip.severity) for flip in flips if flip is not None]
    assert told == [(at(0), "up", "warning", "warning"), (at(2), "warning", "warning", "critical")]
    assert (snapshot.state, snapshot.since, snapshot.severity) == ("warning", at(0), "critical")


def test_a_failure_that_is_being_confirmed_does_not_make_a_critical_warning_news_again() -> None:
    snapshot = Snapshot(state="up", since=START, retries=3)
    snapshot, _ = advance(snapshot, outcome(0, "warning", severity="critical"))

    snapshot, confirming = advance(snapshot, outcome(1, "down", severity="critical"))
    snapshot, again = advance(snapshot, outcome(2, "warning", severity="critical"))

    assert (confirming, again) == (None, None)


def test_a_warning_after_a_recovery_begins_as_quiet_as_the_first() -> None:
    snapshot = Snapshot(state="up", since=START)
    for minute, (status, severity) in enumerate([("warning", "critical"), ("up", ""), ("warning", "warning")]):
        snapshot, flip = advance(snapshot, outcome(minute, status, severity=severity))

    assert flip is not None
    assert (flip.severity, snapshot.severity) == ("warning", "")


histories = st.text(alphabet="uwd", min_size=1, max_size=40)


@given(histories, st.integers(0, 5))
def test_flips_form_one_chain_that_ends_in_the_settled_state(history: str, retries: int) -> None:
    snapshot, _, flips = run(history, retries=retries)

    known = "unknown"
    for flip in flips:
        assert flip.before == known
        assert flip.before != flip.after
        known = flip.after
    assert snapshot.settled == known
    assert [flip.at for flip in flips] == sorted(flip.at for flip in flips)


@given(histories, st.integers(0, 5))
def test_down_comes_after_exactly_so_many_failures_in_a_row(history: str, retries: int) -> None:
    _, shown, _ = run(history, retries=retries)

    failures = 0
    for index, letter in enumerate(history):
        failures = failures + 1 if letter == "d" else 0
        # Once down, every further failure finds it down already.
        assert (shown[index] == "down") == (failures > retries)
        assert letter != "u" or shown[index] == "up"


@given(histories, st.integers(0, 5))
def test_every_fact_told_twice_changes_as_much_as_told_once(history: str, retries: int) -> None:
    once = Snapshot(state="unknown", since=START, retries=retries)
    twice, flips = replace(once), []
    for minute, letter in enumerate(history):
        fact = outcome(minute, WORDS[letter])
        once, first = advance(once, fact)
        twice, told = advance(twice, fact)
        twice, again = advance(twice, fact)
        assert (again, told) == (None, first)
        flips.append(told)
    assert once == twice


@given(histories, st.integers(0, 5), st.randoms())
def test_facts_that_come_late_never_move_a_change_back_in_time(history: str, retries: int, random) -> None:
    facts = [outcome(minute, WORDS[letter]) for minute, letter in enumerate(history)]
    random.shuffle(facts)
    snapshot, since = Snapshot(state="unknown", since=START, retries=retries), START

    for fact in facts:
        snapshot, _ = advance(snapshot, fact)
        assert snapshot.since >= since
        since = snapshot.since


def test_the_worst_state_ranks_first() -> None:
    assert sorted(RANK, key=lambda state: -RANK[state]) == ["down", "warning", "unknown", "up"]
