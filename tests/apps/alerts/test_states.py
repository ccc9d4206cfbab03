"""The machine: idle, pending, firing, cooldown."""

from dataclasses import replace
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.alerts.conditions import Condition
from apps.alerts.cycles import Cycle
from apps.alerts.states import IDLE, Rule, Standing, Step, is_about, meet, step
from apps.alerts.types import Sample
from apps.alerts.windows import Now, Share, Streak
from apps.common.values import Cover
from tests.apps.alerts.making import START, at, rule, sample, subject

CPU = Condition("cpu.ratio", "ge", 0.9, missing="clear")
LOAD = Condition("cpu.load1", "ge", 4, missing="clear")
GOOD, BAD = {"cpu.ratio": 0.5}, {"cpu.ratio": 0.95}


def look(one: Rule, standing: Standing, seen: Sample, **options) -> Step:
    now: datetime = options.pop("now", seen.at)
    return step(one, standing, seen, now=now, known_since=options.pop("known_since", START), **options)


def walk(one: Rule, *samples: Sample) -> tuple[list[str], list[str], Standing]:
    """Phases after every sample, what turned, and where the rule stands in the end."""
    standing, phases, turns = IDLE, [], []
    for seen in samples:
        after = look(one, standing, seen)
        standing = after.standing
        phases.append(standing.phase)
        turns += [after.turn.kind] if after.turn else []
    return phases, turns, standing


def test_what_is_bad_at_once_fires_at_once_and_clears_at_once() -> None:
    phases, turns, standing = walk(rule(CPU), sample(0, GOOD), sample(3, BAD), sample(6, BAD), sample(9, GOOD))

    assert phases == ["idle", "firing", "firing", "idle"]
    assert turns == ["opened", "cleared"]
    assert standing == IDLE


def test_a_streak_is_measured_by_the_reporters_clock() -> None:
    behind = [sample(seconds, BAD, observed_at=at(-500 + own)) for seconds, own in ((0, 0), (300, 50), (303, 60))]
    one = rule(replace(CPU, window=Streak(60)), changed_at=at(-1000))

    phases, _, standing = walk(one, *behind)

    assert phases == ["pending", "pending", "firing"]
    assert standing.since == at(-440)


def test_a_break_begins_a_streak_anew() -> None:
    one = rule(replace(CPU, window=Streak(60)))

    phases, turns, _ = walk(one, sample(0, BAD), sample(50, GOOD), sample(53, BAD), sample(110, BAD), sample(113, BAD))

    assert phases == ["pending", "idle", "pending", "pending", "firing"]
    assert turns == ["opened"]


def test_a_streak_does_not_begin_before_the_rule_was_changed() -> None:
    one = rule(replace(CPU, window=Streak(60)), changed_at=at(100))

    turns = [look(one, IDLE, sample(0, BAD)).standing.memories[0].since]

    assert turns == [at(100)]


@pytest.mark.parametrize(
    ("missing", "phase", "turn"), [("clear", "idle", "cleared"), ("hold", "firing", None), ("bad", "firing", None)]
)
def test_a_value_that_is_missing_while_it_fires(missing: str, phase: str, turn: str | None) -> None:
    one = rule(replace(CPU, missing=missing))
    firing = look(one, IDLE, sample(0, BAD)).standing

    after = look(one, firing, sample(3, {}))

    assert (after.standing.phase, after.turn and after.turn.kind) == (phase, turn)
    assert after.turn is None or after.turn.value == 0


def test_every_condition_has_to_hold_at_the_same_time() -> None:
    one = rule(CPU, replace(LOAD, window=Streak(60)))
    both, load = {"cpu.ratio": 0.95, "cpu.load1": 5}, {"cpu.ratio": 0.5, "cpu.load1": 5}

    phases, turns, _ = walk(one, sample(0, both), sample(60, load), sample(63, both), sample(66, load))

    # The load's minute is counted while the CPU is fine.
    assert phases == ["pending", "pending", "firing", "pending"]
    assert turns == ["opened", "cleared"]


def test_what_cleared_is_named_by_the_condition_that_did() -> None:
    one = rule(CPU, LOAD)
    firing = look(one, IDLE, sample(0, {"cpu.ratio": 0.95, "cpu.load1": 5})).standing

    turn = look(one, firing, sample(3, {"cpu.ratio": 0.95, "cpu.load1": 1})).turn

    assert (turn.metric, turn.value, turn.threshold) == ("cpu.load1", 1, 4)


def test_one_unknown_condition_holds_and_one_that_is_fine_clears() -> None:
    one = rule(replace(CPU, missing="hold"), LOAD)
    firing = look(one, IDLE, sample(0, {"cpu.ratio": 0.95, "cpu.load1": 5})).standing

    assert look(one, firing, sample(3, {"cpu.load1": 5})).standing.phase == "firing"
    assert look(one, firing, sample(3, {"cpu.load1": 1})).turn.kind == "cleared"


def test_the_cooldown_runs_from_the_recovery_and_nothing_is_pending_before_it_ends() -> None:
    one = rule(replace(CPU, window=Streak(0)), cooldown_s=60)

    phases, turns, standing = walk(
        one, sample(0, BAD), sample(3, GOOD), sample(6, BAD), sample(62, BAD), sample(63, BAD)
    )

    assert phases == ["firing", "cooldown", "cooldown", "cooldown", "firing"]
    assert turns == ["opened", "cleared", "opened"]
    assert standing.since == at(63)


def test_a_clock_that_is_ahead_does_not_make_the_cooldown_longer() -> None:
    one = rule(CPU, cooldown_s=60)
    firing = look(one, IDLE, sample(0, BAD)).standing

    after = look(one, firing, sample(3, GOOD, observed_at=at(86_400)))

    assert after.standing.until == at(63)


def test_nothing_opens_while_it_may_not_and_it_opens_with_the_next_report_that_may() -> None:
    one = rule(replace(CPU, window=Streak(60)))
    pending = look(one, IDLE, sample(0, BAD)).standing

    muted = look(one, pending, sample(60, BAD), may_open=False)
    after = look(one, muted.standing, sample(63, BAD))

    assert (muted.standing.phase, muted.turn) == ("pending", None)
    assert (after.turn.kind, after.turn.pending_since) == ("opened", START)


def test_a_change_is_a_notice_and_leaves_nothing_behind() -> None:
    one = rule(Condition("state", "changed"))

    first = look(one, IDLE, sample(0, {"state": 1}))
    changed = look(one, IDLE, sample(3, {"state": 2}, subject=subject(before={"state": 1})))

    assert (first.turn, first.standing) == (None, IDLE)
    assert (changed.turn.kind, changed.turn.value, changed.turn.threshold) == ("notice", 2, 1)
    assert changed.standing == IDLE


def test_a_cycle_is_bad_once_its_limit_is_used_and_fine_in_the_next_one() -> None:
    cycle = Cycle(START, 1, "hour")
    one = rule(Condition("net.tx_bytes", "outside", high=1000, window=cycle, missing="zero"))

    counters = [(60, 5000), (120, 5900), (180, 6100), (3660, 6200)]
    phases, turns, _ = walk(one, *[sample(seconds, {"net.tx_bytes": counter}) for seconds, counter in counters])

    assert phases == ["pending", "pending", "firing", "pending"]
    assert turns == ["opened", "cleared"]


def test_a_store_of_traffic_knows_better_than_what_was_counted() -> None:
    one = rule(Condition("net.tx_bytes", "outside", high=1000, window=Cycle(START, 1, "hour"), missing="zero"))
    knowing = subject(used={("net.tx_bytes", START): 1500})

    assert look(one, IDLE, sample(60, {"net.tx_bytes": 1}, subject=knowing)).turn.value == 1500


def test_who_is_silent_is_judged_by_the_servers_clock_and_keeps_what_else_was_known() -> None:
    silence = Condition("node.silence_s", "gt", plus="stale_after_s", missing="clear")
    one = rule(silence, replace(CPU, window=Share(2)))
    bad_cpu = look(one, IDLE, sample(0, BAD | {"node.silence_s": 0})).standing

    after = look(one, bad_cpu, Sample(subject(), at(30), {"node.silence_s": 30}, silent=True))

    assert after.turn.kind == "opened"
    assert after.turn.at == at(30)


def test_a_subject_that_was_never_heard_of_is_offline_only_where_missing_is_bad() -> None:
    never = Sample(subject(), START, {"node.silence_s": None}, silent=True)
    dash = Condition("node.silence_s", "gt", plus="stale_after_s", missing="clear")
    nezha = Condition("node.silence_s", "gt", 6, missing="bad")

    assert look(rule(dash), IDLE, never).turn is None
    assert look(rule(nezha), IDLE, never).turn.kind == "opened"


@pytest.mark.parametrize(("closes", "phase", "reason"), [(True, "idle", "stale"), (False, "firing", None)])
def test_a_stale_subject_closes_or_holds_as_the_rule_says(closes: bool, phase: str, reason: str | None) -> None:
    one = rule(CPU, closes_when_stale=closes)
    firing = look(one, IDLE, sample(0, BAD)).standing
    silent = Sample(subject(), at(15), {"node.silence_s": 15}, silent=True)

    after = meet(one, firing, silent, now=silent.at, known_since=START)
    early = meet(one, firing, replace(silent, values={"node.silence_s": 14}), now=silent.at, known_since=START)

    assert (after.standing.phase, after.turn and after.turn.reason) == (phase, reason)
    assert early.standing == firing


def test_a_rule_that_no_longer_covers_a_subject_withdraws() -> None:
    firing = look(rule(CPU), IDLE, sample(0, BAD)).standing
    elsewhere = rule(replace(CPU, cover=Cover(False, frozenset({8}))))

    after = meet(elsewhere, firing, sample(3, BAD), now=at(3), known_since=START)

    assert (after.standing, after.turn.kind, after.turn.reason) == (IDLE, "gone", "unmounted")
    assert meet(elsewhere, IDLE, sample(3, BAD), now=at(3), known_since=START) == Step(IDLE)


def test_a_rule_reaches_no_further_than_its_owner() -> None:
    owned = rule(CPU, projects=frozenset({3}))

    assert is_about(owned, subject(project_id=3))
    assert not is_about(owned, subject(project_id=4))
    assert not is_about(owned, subject())


def test_a_rule_with_other_conditions_than_are_remembered_begins_anew() -> None:
    pending = look(rule(replace(CPU, window=Streak(60))), IDLE, sample(0, BAD)).standing

    after = look(rule(replace(CPU, window=Streak(60)), replace(LOAD, missing="hold")), pending, sample(60, BAD))

    assert (after.standing.phase, len(after.standing.memories), after.turn) == ("pending", 2, None)


windows = st.sampled_from([Now(), Streak(0), Streak(9), Share(3), Share(3, every=True)])
values = st.lists(st.sampled_from([0.5, 0.95, None]), min_size=1, max_size=40)
policies = st.sampled_from(["clear", "hold", "zero", "bad"])


@given(windows, values, policies, st.integers(0, 12))
def test_openings_and_recoveries_take_turns_and_end_as_the_phase_says(window, seen, missing, cooldown_s) -> None:
    one = rule(replace(CPU, window=window, missing=missing), cooldown_s=cooldown_s)
    samples = [sample(index * 3, {"cpu.ratio": value}) for index, value in enumerate(seen)]

    phases, turns, standing = walk(one, *samples)

    assert turns == ["opened", "cleared"] * (len(turns) // 2) + ["opened"] * (len(turns) % 2)
    assert (phases[-1] == "firing") == (len(turns) % 2 == 1)
    assert (standing == IDLE) == (standing.phase == "idle")


@given(windows, values, policies)
def test_a_report_told_twice_in_a_row_changes_as_much_as_told_once(window, seen, missing) -> None:
    one = rule(replace(CPU, window=window, missing=missing))
    once = twice = IDLE
    for index, value in enumerate(seen):
        told = sample(index * 3, {"cpu.ratio": value})
        once = look(one, once, told).standing
        twice = look(one, look(one, twice, told).standing, told).standing

    assert once.phase == twice.phase


def test_a_day_of_trouble_remembers_no_more_than_a_minute_of_it() -> None:
    one = rule(replace(CPU, window=Share(20)))
    _, _, minute = walk(one, *[sample(index * 3, BAD) for index in range(21)])
    _, _, day = walk(one, *[sample(index * 3, BAD) for index in range(2000)])

    assert len(str(day.memories[0].to_json())) <= len(str(minute.memories[0].to_json())) + 4
