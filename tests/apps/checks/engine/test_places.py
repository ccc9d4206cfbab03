"""Lines in front of addresses, and the coroutines that stand in them."""

import ipaddress
from collections.abc import Iterator

import pytest

from apps.checks.engine import places as places_module
from apps.checks.engine.flow import Task, Waiter
from apps.checks.engine.places import Places
from apps.checks.engine.reactor import Reactor, TimedOutError

A = ipaddress.ip_address("192.0.2.1")
B = ipaddress.ip_address("192.0.2.2")


@pytest.fixture
def reactor() -> Iterator[Reactor]:
    reactor = Reactor()
    yield reactor
    reactor.close()


def test_a_place_goes_to_the_next_in_line(reactor: Reactor) -> None:
    places = Places(reactor, limit=1)
    first, second, third = (Task(places.take(A)) for _ in range(3))

    assert (first.done, second.done, third.done) == (True, False, False)
    places.give(first.result())
    assert (second.done, third.done) == (True, False)
    places.give(second.result())
    assert third.done
    places.give(third.result())
    assert places._held == {}
    assert places._queues == {}


def test_every_address_has_its_own_places(reactor: Reactor) -> None:
    places = Places(reactor, limit=1)
    Task(places.take(A))

    assert Task(places.take(B)).done


def test_nobody_waits_for_ever(reactor: Reactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module, "PATIENCE_S", 0.01)
    places = Places(reactor, limit=1)
    early, late = (Task(places.take(A)) for _ in range(2))

    while not late.done:
        reactor.turn(1)

    assert late.result().waited_s >= 0.01
    places.give(early.result())
    places.give(late.result())
    assert places._held == {}
    assert places._queues == {}


def test_a_probe_that_waits_for_its_target_holds_up_nobody(reactor: Reactor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places_module, "YOUNG_S", 0.02)
    places = Places(reactor, limit=2)
    hung = [Task(places.take(A)) for _ in range(2)]
    line = [Task(places.take(A)) for _ in range(4)]
    assert not any(task.done for task in line)

    while not line[1].done:
        reactor.turn(1)
    # Both became old together, so two came in; the next two wait until those are old in their turn.
    assert [task.done for task in line] == [True, True, False, False]
    places.give(hung[0].result())
    assert not line[2].done
    places.give(line[0].result())
    assert line[2].done


def test_a_deadline_ends_the_waiting_and_a_late_answer_is_ignored(reactor: Reactor) -> None:
    waiter: Waiter[int] = Waiter()
    limited = reactor.until(waiter, reactor.now() + 0.01)

    while not limited.done:
        reactor.turn(1)
    waiter.resolve(1)

    with pytest.raises(TimedOutError):
        limited.result()


def test_a_cancelled_task_runs_its_last_words_and_calls_nobody() -> None:
    words: list[str] = []

    async def work() -> None:
        try:
            await Waiter()
        finally:
            words.append("let go")

    task = Task(work())
    task.then(lambda: words.append("called back"))
    task.cancel()

    assert words == ["let go"]


def test_an_error_travels_to_whoever_awaits() -> None:
    async def broken() -> int:
        raise KeyError("x")

    async def outer() -> int:
        return await Task(broken())

    with pytest.raises(KeyError):
        Task(outer()).result()


def test_timers_fire_in_order_and_cancelled_ones_never(reactor: Reactor) -> None:
    fired: list[int] = []
    reactor.call_at(reactor.now() + 0.02, lambda: fired.append(2))
    reactor.call_at(reactor.now() + 0.01, lambda: fired.append(1))
    reactor.call_at(reactor.now() + 0.005, lambda: fired.append(0)).cancel()

    while len(fired) < 2:
        reactor.turn(1)

    assert fired == [1, 2]
