"""Writers of one process take turns; what is right stays SQLite's business."""

import threading
import time
from pathlib import Path

import pytest
from django.db import connections
from django.db.backends.utils import CursorWrapper
from django.db.utils import OperationalError
from hypothesis import given
from hypothesis import strategies as st

from dashmon.sqlite import base
from dashmon.sqlite.base import DatabaseWrapper
from dashmon.sqlite.turns import Turns
from tests.waiting import eventually


def test_turns_come_in_the_order_of_asking() -> None:
    turns, order = Turns(), list[int]()

    def writer(number: int) -> None:
        assert turns.take(10)
        order.append(number)
        turns.hand_on()

    assert turns.take(0)
    threads = []
    for number in range(8):
        threads.append(threading.Thread(target=writer, args=[number]))
        threads[-1].start()
        assert eventually(lambda: len(turns._waiting) == len(threads))
    turns.hand_on()
    for thread in threads:
        thread.join(10)

    assert order == list(range(8))
    assert turns.take(0)


def test_whose_turn_does_not_come_goes_and_holds_up_nobody() -> None:
    turns = Turns()
    assert turns.take(0)
    assert not turns.take(0.01)
    turns.hand_on()
    assert turns.take(0)
    assert not turns.take(0)


@given(st.lists(st.floats(min_value=0, max_value=0.002), min_size=2, max_size=12))
def test_however_long_people_wait_one_at_a_time_has_it(patience: list[float]) -> None:
    turns, inside, most = Turns(), [0], [0]

    def writer(seconds: float) -> None:
        if turns.take(seconds):
            inside[0] += 1
            most[0] = max(most[0], inside[0])
            time.sleep(0.0005)
            inside[0] -= 1
            turns.hand_on()

    threads = [threading.Thread(target=writer, args=[seconds]) for seconds in patience]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert most[0] == 1
    assert turns.take(0), "nobody has it, and nobody gets it"


@pytest.fixture
def opened(tmp_path: Path):
    """Connections to one file, as settings make them."""
    made = list[DatabaseWrapper]()

    def open_one() -> DatabaseWrapper:
        options = {"transaction_mode": "IMMEDIATE", "timeout": 0.05, "init_command": "PRAGMA journal_mode=WAL"}
        own = {"ENGINE": "dashmon.sqlite", "NAME": str(tmp_path / "own.sqlite3"), "OPTIONS": options}
        wrapper = DatabaseWrapper({**connections["default"].settings_dict, **own}, alias=f"own{len(made)}")
        wrapper.inc_thread_sharing()
        made.append(wrapper)
        return wrapper

    yield open_one
    for wrapper in made:
        wrapper.close()


def cursor_of(wrapper: DatabaseWrapper) -> CursorWrapper:
    return wrapper.cursor()


@pytest.mark.django_db
def test_whoever_waits_is_next_although_the_other_comes_again_at_once(opened) -> None:
    busy, patient = opened(), opened()
    cursor_of(busy).execute("CREATE TABLE t (n integer)")
    told, ended = list[str](), threading.Event()

    def come_again_and_again() -> None:
        while not ended.is_set():
            busy.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
            cursor_of(busy).execute("INSERT INTO t VALUES (1)")
            told.append("busy")
            time.sleep(0.02)
            busy.commit()
            busy.set_autocommit(True)

    thread = threading.Thread(target=come_again_and_again)
    thread.start()
    try:
        assert eventually(lambda: len(told) > 2)
        for _ in range(20):
            before = len(told)
            patient.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
            # SQLite's own waiting, here a twentieth of a second, would have given up many times.
            assert len(told) - before <= 2
            patient.rollback()
            patient.set_autocommit(True)
            cursor_of(patient).execute("INSERT INTO t VALUES (2)")
    finally:
        ended.set()
        thread.join(10)
    assert cursor_of(patient).execute("SELECT count(*) FROM t WHERE n = 2").fetchone() == (20,)


@pytest.mark.django_db
def test_a_turn_that_never_ends_is_a_locked_database_as_ever(opened, monkeypatch) -> None:
    monkeypatch.setattr(base, "PATIENCE_S", 0.01)
    holder, other = opened(), opened()
    cursor_of(holder).execute("CREATE TABLE t (n integer)")
    holder.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)

    with pytest.raises(OperationalError, match="locked"):
        other.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    with pytest.raises(OperationalError, match="locked"):
        cursor_of(other).execute("INSERT INTO t VALUES (2)")
    # Who goes away in the middle leaves the turn behind.
    holder.close()
    cursor_of(other).execute("INSERT INTO t VALUES (3)")
    other.set_autocommit(False, force_begin_transaction_with_broken_autocommit=True)
    other.rollback()
    assert other._turns.take(0)
    other._turns.hand_on()
