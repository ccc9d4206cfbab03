"""Facts in the store: each row read once, late ones set right, and the same bytes in whatever order rows came."""

import json
import random
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from apps.common.clock import from_epoch_ms
from apps.common.values import Ref
from apps.metrics import services as metrics
from apps.metrics.columns import read_row
from apps.metrics.models import Block, HeadRow, Source
from apps.metrics.tiers import DAY, FACTS, REPORTS, Retention
from apps.traffic import advance, ledger, rewrite, services
from apps.traffic.facts import BUCKET_MS, Sample
from apps.traffic.models import Interface
from tests.apps.traffic.conftest import (
    NODE,
    NOW,
    START,
    expected,
    facts,
    report,
    reports_of,
    seal,
    send,
    settle,
    stored,
    walk,
)
from tests.replay.dash_traffic import rolled

VECTORS = Path(__file__).parents[2] / "vectors" / "rollup_traffic.json"
CASES = json.loads(VECTORS.read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_the_store_says_what_the_vectors_expect_after_every_batch(workspace, case) -> None:
    now = from_epoch_ms(max(ts for batch in case["batches"] for ts, *_ in batch) + 1000)
    for index, batch in enumerate(case["batches"]):
        send(reports_of(workspace, [Sample(*row) for row in batch]), now)
        settle(now, workspace)
        if case["after_each_batch"]:
            assert rolled(facts(workspace)) == case["after_each_batch"][index]

    assert rolled(facts(workspace)) == case["facts"]


def test_rows_in_the_inbox_count_before_they_are_sealed(workspace) -> None:
    samples = walk(count=300)
    for first in range(0, 300, 100):
        send(reports_of(workspace, samples[first : first + 100]), NOW)
        assert facts(workspace) == expected(samples[: first + 100])
        seal(NOW, workspace)
        assert facts(workspace) == expected(samples[: first + 100])


def test_any_order_of_arrival_with_replays_leaves_identical_bytes(workspace) -> None:
    samples, seen = walk(seed=3, count=400, step_ms=180_000), []
    for seed in range(5):
        rng, rows = random.Random(seed), reports_of(workspace, samples)
        if seed:
            rng.shuffle(rows)
            rows += rng.sample(rows, 80)
        for first in range(0, len(rows), 97):
            send(rows[first : first + 97], NOW)
            if rng.random() < 0.5:
                seal(NOW, workspace)
            if rng.random() < 0.3:
                services.rewrite_late(limit=1)
        settle(NOW, workspace)
        assert facts(workspace) == expected(samples)
        seen.append(stored(workspace))
        services.forget(workspace_id=workspace.pk, ref=NODE)
        metrics.forget(workspace_id=workspace.pk, ref=NODE)

    assert len(seen[0]["blocks"]) >= 2
    assert seen[1:] == seen[:1] * 4
    assert not Interface.objects.exists()


def test_on_time_rows_go_on_from_the_last_counters_and_no_raw_row_is_read_again(workspace) -> None:
    samples = walk(count=200)
    send(reports_of(workspace, samples[:100]), NOW)
    seal(NOW, workspace)
    send(reports_of(workspace, samples[100:]), NOW)
    rows = {ts: read_row(payload) for ts, payload in HeadRow.objects.values_list("ts", "payload")}

    with CaptureQueriesContext(connection) as queries:
        advance.advance(Source.objects.get(), rows)
    asked = [query["sql"] for query in queries if "ts_block" in query["sql"] or "ts_head" in query["sql"]]
    seal(NOW, workspace)

    assert len(asked) == 1
    assert f'"tier" = {FACTS}' in asked[0]
    assert services.rewrite_late() == 0
    assert facts(workspace) == expected(samples)


def test_interfaces_come_and_go_and_each_has_its_own_facts(workspace) -> None:
    first, second = walk(seed=1, count=200), walk(seed=2, count=200)
    rows = []
    for index in range(200):
        counters = {"eth0": first[index][1:]}
        if 50 <= index < 120 or index > 180:
            counters["wg0"] = second[index][1:]
        rows.append(report(workspace, first[index].ts, counters))
    order = [*rows[:60], *rows[90:], *rows[60:90]]
    for begin in range(0, 200, 40):
        send(order[begin : begin + 40], NOW)
        seal(NOW, workspace)
    settle(NOW, workspace)

    shown = [Sample(first[i].ts, *second[i][1:]) for i in range(200) if 50 <= i < 120 or i > 180]
    assert facts(workspace) == expected(first)
    assert facts(workspace, "wg0") == expected(shown)
    assert facts(workspace, "lo") == []


@pytest.mark.parametrize("seed", range(6))
def test_whatever_comes_when_the_end_is_what_raw_samples_say(workspace, seed) -> None:
    rng, now = random.Random(seed), NOW + timedelta(days=1)
    step_ms = rng.choice([3_000, 400_000, 1_500_000])
    first, second = (
        walk(seed=seed, count=120, step_ms=step_ms, start=START - 20 * DAY),
        walk(seed=seed + 100, count=120),
    )
    both = [rng.random() < 0.6 for _ in first]
    rows = [
        report(workspace, one.ts, {"eth0": one[1:], "wg0": other[1:]} if shown else {"eth0": one[1:]})
        for one, other, shown in zip(first, second, both, strict=True)
    ]
    rng.shuffle(rows)
    rows += rng.sample(rows, 20)
    while rows:
        size = rng.randrange(1, 40)
        send(rows[:size], now)
        rows = rows[size:]
        if rng.random() < 0.5:
            seal(now, workspace)
        services.rewrite_late(limit=rng.randrange(1, 3))
    settle(now, workspace)

    shown = [Sample(one.ts, *other[1:]) for one, other, shown in zip(first, second, both, strict=True) if shown]
    assert facts(workspace) == expected(first)
    assert facts(workspace, "wg0") == expected(shown)


def test_an_interface_that_only_late_rows_know_is_found(workspace) -> None:
    samples = walk(count=60)
    send([report(workspace, sample.ts, {"eth0": sample[1:]}) for sample in samples[:20]], NOW)
    send([report(workspace, sample.ts, {"eth0": sample[1:]}) for sample in samples[40:]], NOW)
    seal(NOW, workspace)
    late = [report(workspace, sample.ts, {"eth0": sample[1:], "usb0": sample[1:]}) for sample in samples[20:40]]
    send(late, NOW)

    settle(NOW, workspace)

    assert facts(workspace) == expected(samples)
    assert facts(workspace, "usb0") == expected(samples[20:40])


def test_rows_without_whole_counters_say_nothing(workspace) -> None:
    samples = walk(count=30)
    rows = reports_of(workspace, samples[::2])
    for sample, (received, sent) in zip(samples[1::2], [(None, 5), (1.5, 2), (-1, 3), (7, None)] * 4, strict=False):
        rows.append(report(workspace, sample.ts, {"eth0": (received, sent)}))
    send(rows, NOW)
    assert facts(workspace) == expected(samples[::2])

    settle(NOW, workspace)

    assert facts(workspace) == expected(samples[::2])


def test_counters_at_the_edge_of_64_bits_never_stop_the_sealing(workspace) -> None:
    top = 2**63 - 1
    samples = [Sample(START + index * 10_000, *((0, 0) if index % 2 else (top, top))) for index in range(2, 70)]
    send(reports_of(workspace, samples), NOW)

    settle(NOW, workspace)

    assert max(fact.resets for fact in facts(workspace)) > 0


def test_other_sources_are_left_alone(workspace) -> None:
    send(reports_of(workspace, walk(count=20), ref=Ref("device", 7)), NOW)
    metrics.seal(source=Source.objects.get(), now=NOW)

    assert not Interface.objects.exists()


def test_two_workspaces_with_nodes_of_one_number_never_meet(workspace, stranger) -> None:
    mine, theirs = walk(seed=1, count=100), walk(seed=2, count=100)
    send([*reports_of(workspace, mine), *reports_of(stranger, theirs)], NOW)
    settle(NOW, workspace)
    seal(NOW, stranger)

    assert facts(workspace) == expected(mine)
    assert facts(stranger) == expected(theirs)
    services.forget_workspace(workspace_id=workspace.pk, limit=1000)
    assert facts(stranger) == expected(theirs)


def test_facts_older_than_the_oldest_raw_row_stand(workspace) -> None:
    samples = walk(count=900, step_ms=120_000)
    send(reports_of(workspace, samples), NOW + timedelta(days=2))
    settle(NOW + timedelta(days=2), workspace)
    before = stored(workspace)
    Block.objects.filter(tier=REPORTS, t0__lt=START + DAY).delete()
    inside = next(sample for sample in samples if sample.ts > START + DAY + 3 * BUCKET_MS)
    again = [report(workspace, inside.ts, {"eth0": inside[1:]})]
    send(again, NOW + timedelta(days=2))

    settle(NOW + timedelta(days=2), workspace)

    assert stored(workspace) == before


def test_facts_expire_with_the_five_minute_tier(workspace) -> None:
    send(reports_of(workspace, walk(count=300, step_ms=300_000)), NOW)
    settle(NOW, workspace)

    gone = metrics.expire(now=NOW, retention={workspace.pk: Retention(raw=None, reports=None, five_minutes=1)})

    assert gone.facts == 1
    assert {t0 for t0, *_ in stored(workspace)["blocks"]} == {START + DAY}


class CrashError(RuntimeError):
    pass


STEPS = [
    (ledger, "store_day"),
    (ledger.Ledger, "write"),
    (advance, "mark_windows"),
    (rewrite, "reopen"),
]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("place", "step"), STEPS, ids=[name for _, name in STEPS])
def test_killed_at_any_step_and_run_again_the_result_is_the_same(workspace, monkeypatch, place, step, when) -> None:
    samples = walk(count=300, step_ms=120_000)
    rows = reports_of(workspace, samples)
    send([*rows[:100], *rows[150:250]], NOW)
    seal(NOW, workspace)
    send([*rows[100:150], *rows[250:]], NOW)
    real: Any = getattr(place, step)

    def crash(*args: Any, **kwargs: Any) -> Any:
        if when == "after":
            real(*args, **kwargs)
        raise CrashError

    with monkeypatch.context() as patch:
        patch.setattr(place, step, crash)
        with suppress(CrashError):
            seal(NOW, workspace)
        with suppress(CrashError):
            services.rewrite_late()
    settle(NOW, workspace)

    assert facts(workspace) == expected(samples)


def test_facts_that_changed_while_a_late_day_was_reckoned_are_reckoned_again(workspace, monkeypatch) -> None:
    samples = walk(count=300)
    send(reports_of(workspace, [*samples[:100], *samples[110:200]]), NOW)
    seal(NOW, workspace)
    send(reports_of(workspace, samples[100:110]), NOW)
    seal(NOW, workspace)
    real = rewrite.Tape

    def overtaken(*args: Any) -> Any:
        monkeypatch.setattr(rewrite, "Tape", real)
        tape = real(*args)
        send(reports_of(workspace, samples[200:]), NOW)
        seal(NOW, workspace)
        return tape

    monkeypatch.setattr(rewrite, "Tape", overtaken)

    assert services.rewrite_late() == 0
    assert services.rewrite_late() == 1
    assert facts(workspace) == expected(samples)
