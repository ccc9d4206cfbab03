"""Counting in one process."""

import threading

from apps.common import counters
from apps.common.clock import epoch_ms


def test_counts_of_many_threads_add_up() -> None:
    def work() -> None:
        for _ in range(500):
            counters.count("checks_executed/up", 2)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counters.counted() == {"checks_executed/up": 8000}


def test_a_step_leaves_its_runs_its_seconds_and_its_instant(now) -> None:
    counters.step_done("seal", at=now, seconds=0.25)
    counters.step_failed("seal")

    assert counters.counted() == {"step_runs/seal": 1, "step_seconds/seal": 0.25, "step_failures/seal": 1}
    assert counters.marked() == {"seal": epoch_ms(now)}


def test_readings_of_one_name_are_added_until_they_end() -> None:
    first = counters.watch("engine_slots", lambda: 256)
    second = counters.watch("engine_slots", lambda: 128)

    assert counters.watched() == {"engine_slots": 384}
    first()
    assert counters.watched() == {"engine_slots": 128}
    second()
    second()
    assert counters.watched() == {}


def test_a_forked_process_begins_with_nothing(now) -> None:
    counters.count("checks_due")
    counters.step_done("seal", at=now, seconds=0)
    counters.watch("engine_slots", lambda: 1)

    counters.reset()

    assert (counters.counted(), counters.marked(), counters.watched()) == ({}, {}, {})
