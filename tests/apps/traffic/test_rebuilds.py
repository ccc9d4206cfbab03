"""Rebuilding facts from raw samples: one at a time, killed anywhere and carried on, the same result."""

from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from apps.common.values import Ref
from apps.metrics import services as metrics
from apps.metrics.models import Block
from apps.metrics.tiers import FACTS, REPORTS
from apps.traffic import rebuilds, rewrite, services
from apps.traffic.blocks import read_day, write_day
from apps.traffic.models import CycleRecord, Rebuild
from apps.traffic.rebuilds import LEASE, RebuildRunningError, RebuildState, rebuild_state
from tests.apps.traffic.conftest import NODE, NOW, expected, facts, reports_of, send, settle, stored, walk


@pytest.fixture
def samples(workspace: Any) -> Any:
    found = walk(count=500, step_ms=240_000)
    send(reports_of(workspace, found), NOW)
    settle(NOW, workspace)
    return found


def spoil(workspace: Any) -> None:
    """Facts as a fault would have left them."""
    for block in Block.objects.filter(tier=FACTS):
        day = read_day(bytes(block.payload))
        for inside in day.values():
            for fact in inside.values():
                fact.in_bytes += 7
        block.payload = write_day(day)
        block.save()


def run_to_the_end(now: Any) -> int:
    for passes in range(100):
        if not services.run_rebuilds(now=now, limit=2):
            return passes
    raise AssertionError("the rebuild does not end")


def test_a_rebuild_makes_the_facts_that_raw_samples_say(workspace, samples) -> None:
    right = stored(workspace)
    spoil(workspace)
    assert stored(workspace) != right
    assert rebuild_state(workspace) == RebuildState()

    begun = services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    assert (begun.state, begun.node_id, begun.started_at, begun.percent) == ("running", NODE.id, NOW, 0)
    services.run_rebuilds(now=NOW, limit=2)
    assert 0 < rebuild_state(workspace).percent < 100
    run_to_the_end(NOW + timedelta(minutes=1))

    assert stored(workspace) == right
    assert facts(workspace) == expected(samples)
    done = rebuild_state(workspace)
    assert (done.state, done.percent, done.finished_at) == ("completed", 100, NOW + timedelta(minutes=1))


def test_one_runs_at_a_time_in_a_workspace_and_others_have_their_own(workspace, stranger, samples) -> None:
    send(reports_of(stranger, walk(count=20)), NOW)
    settle(NOW, stranger)
    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)

    with pytest.raises(RebuildRunningError):
        services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    services.start_rebuild(workspace=stranger, ref=NODE, now=NOW)
    run_to_the_end(NOW)

    assert services.start_rebuild(workspace=workspace, ref=NODE, now=NOW).state == "running"
    assert Rebuild.objects.count() == 2


def test_a_node_that_never_reported_has_nothing_to_rebuild(workspace, samples) -> None:
    started = services.start_rebuild(workspace=workspace, ref=Ref("node", 99), now=NOW)
    assert (started.state, started.percent) == ("running", 100)

    services.run_rebuilds(now=NOW)
    assert (rebuild_state(workspace).state, rebuild_state(workspace).reason) == ("completed", "")


class CrashError(RuntimeError):
    pass


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("step", ["rewrite", "_move", "_finish"])
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("turn", [1, 2, 3])
def test_killed_anywhere_and_run_again_the_result_is_the_same(
    workspace, samples, monkeypatch, *, step, when, turn
) -> None:
    right = stored(workspace)
    spoil(workspace)
    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    real, turns = getattr(rebuilds, step), iter(range(1, 1000))

    def crash(*args: Any, **kwargs: Any) -> Any:
        if next(turns) != turn:
            return real(*args, **kwargs)
        if when == "after":
            real(*args, **kwargs)
        raise CrashError

    with monkeypatch.context() as patch, suppress(CrashError):
        patch.setattr(rebuilds, step, crash)
        services.run_rebuilds(now=NOW, limit=50)
    # The lease of the killed one has run out.
    run_to_the_end(NOW + LEASE)

    assert stored(workspace) == right
    assert rebuild_state(workspace).state == "completed"


def test_while_somebody_has_it_nobody_else_runs_it(workspace, samples) -> None:
    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    Rebuild.objects.update(lease_until=NOW + LEASE)

    assert services.run_rebuilds(now=NOW) == 0
    assert services.run_rebuilds(now=NOW + LEASE) > 0


def test_who_lost_the_lease_writes_nothing_more(workspace, samples, monkeypatch) -> None:
    spoil(workspace)
    spoiled = stored(workspace)
    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    real = rewrite.Tape

    def overtaken(*args: Any) -> Any:
        Rebuild.objects.update(lease_until=NOW + 2 * LEASE)
        return real(*args)

    monkeypatch.setattr(rewrite, "Tape", overtaken)

    assert services.run_rebuilds(now=NOW) == 0
    assert stored(workspace) == spoiled
    assert rebuild_state(workspace).state == "running"


def test_rows_sealed_meanwhile_are_not_lost(workspace, samples, monkeypatch) -> None:
    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    more = walk(seed=9, count=50, start=samples[-1].ts + 60_000)
    services.run_rebuilds(now=NOW, limit=1)
    send(reports_of(workspace, more), NOW + timedelta(days=2))
    settle(NOW + timedelta(days=2), workspace)
    run_to_the_end(NOW + timedelta(minutes=1))

    assert facts(workspace) == expected([*samples, *more])


@pytest.mark.parametrize(("later", "reason"), [(timedelta(hours=7), "timeout"), (timedelta(), "canceled")])
def test_a_rebuild_that_cannot_end_says_why(workspace, samples, later, reason) -> None:
    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    if reason == "canceled":
        services.forget(workspace_id=workspace.pk, ref=NODE)
        metrics.forget(workspace_id=workspace.pk, ref=NODE)

    services.run_rebuilds(now=NOW + later)

    state = rebuild_state(workspace)
    assert (state.state, state.reason, state.finished_at) == ("failed", reason, NOW + later)


def test_a_damaged_raw_block_fails_the_rebuild_and_leaves_the_facts(workspace, samples) -> None:
    before = stored(workspace)
    Block.objects.filter(tier=REPORTS).update(payload=b"\x01damaged")
    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)

    services.run_rebuilds(now=NOW)

    assert (rebuild_state(workspace).state, rebuild_state(workspace).reason) == ("failed", "failed")
    assert stored(workspace) == before


def test_rows_of_ended_cycles_that_raw_samples_reach_into_are_made_again(workspace, samples) -> None:
    later = NOW + timedelta(days=40)
    services.record_ended(now=later)
    assert CycleRecord.objects.count() == 1

    services.start_rebuild(workspace=workspace, ref=NODE, now=later)
    assert CycleRecord.objects.count() == 0
    run_to_the_end(later)

    assert services.record_ended(now=later) == 1


def test_facts_whose_raw_samples_are_gone_survive_a_rebuild(workspace, samples) -> None:
    before = stored(workspace)
    oldest = Block.objects.filter(tier=REPORTS).order_by("t0").first()
    oldest.delete()

    services.start_rebuild(workspace=workspace, ref=NODE, now=NOW)
    run_to_the_end(NOW)

    assert stored(workspace) == before
