"""Group commit: answers after the commit, batches that grow by themselves, and nothing that stops the writer."""

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.transaction import TransactionManagementError

from apps.common import counters
from apps.operations.models import ProcessReport
from dashmon.hot import committer as module
from dashmon.hot.committer import Committer, UnavailableError
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


class Writer:
    """Writes a row for each entry, when it may; remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go, self.began = threading.Event(), threading.Event()
        self.may_go.set()
        self.fault: Callable[[int], Exception | None] = lambda _: None

    def write(self, said: Sequence[int], now: datetime) -> Sequence[str]:
        self.began.set()
        assert self.may_go.wait(10)
        self.batches.append(list(said))
        for number in said:
            facts = {"id": uuid.uuid4(), "host": "h", "pid": number, "version": "1", "started_at": NOW, "seen_at": NOW}
            ProcessReport.objects.create(kind="server", rss_bytes=0, cpu_s=0, **facts)
            if (fault := self.fault(number)) is not None:
                raise fault
        return [f"wrote {number}" for number in said]


@pytest.fixture
def writer(transactional_db: None) -> Iterator[Writer]:
    writer = Writer()
    yield writer
    writer.may_go.set()


@pytest.fixture
def committer(writer: Writer) -> Iterator[Committer]:
    committer = Committer()
    yield committer
    writer.may_go.set()
    committer.close()


def kept() -> list[int]:
    return sorted(ProcessReport.objects.values_list("pid", flat=True))


async def until(what: Callable[[], Any]) -> None:
    while not what():
        await asyncio.sleep(0.005)


async def commit(committer: Committer, writer: Writer, number: int, *, size: int = 1, lane: str = "") -> Any:
    """What is heard of a number; an exception is raised."""
    waiting: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def hear(answer: Any) -> None:
        if isinstance(answer, Exception):
            waiting.set_exception(answer)
        else:
            waiting.set_result(answer)

    committer.hand_in(writer.write, number, hear, size=size, lane=lane)
    return await waiting


async def all_of(committer: Committer, writer: Writer, numbers: Sequence[int], *, size: int = 1) -> list[Any]:
    waiting = [commit(committer, writer, number, size=size) for number in numbers]
    return await asyncio.gather(*waiting, return_exceptions=True)


def test_what_waits_while_one_commits_is_the_next_batch(committer: Committer, writer: Writer) -> None:
    async def scene() -> list[Any]:
        writer.may_go.clear()
        first = asyncio.create_task(all_of(committer, writer, [0]))
        await until(writer.began.is_set)
        rest = asyncio.create_task(all_of(committer, writer, range(1, 901)))
        await asyncio.sleep(0.05)
        assert counters.watched()["ingest_waiting"] == 900
        writer.may_go.set()
        return [*await first, *await rest]

    assert asyncio.run(scene()) == [f"wrote {number}" for number in range(901)]
    assert list(map(len, writer.batches)) == [1, 500, 400]
    assert kept() == list(range(901))
    assert counters.counted()["ingest_commits"] == 3


def test_a_transaction_holds_one_lane_and_nobody_waits_for_ever(committer: Committer, writer: Writer) -> None:
    async def scene() -> list[Any]:
        writer.may_go.clear()
        waiting = [asyncio.create_task(commit(committer, writer, 0))]
        await until(writer.began.is_set)
        lanes = enumerate(["", "static", "", "identity", "static", ""], start=1)
        waiting += [asyncio.create_task(commit(committer, writer, number, lane=lane)) for number, lane in lanes]
        await asyncio.sleep(0.05)
        writer.may_go.set()
        return await asyncio.gather(*waiting)

    assert asyncio.run(scene()) == [f"wrote {number}" for number in range(7)]
    assert writer.batches == [[0], [1, 3, 6], [2, 5], [4]]


def test_who_goes_away_is_written_and_stops_nobody(committer: Committer, writer: Writer) -> None:
    async def scene() -> str:
        writer.may_go.clear()
        gone = asyncio.create_task(commit(committer, writer, 1))
        await until(writer.began.is_set)
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        writer.may_go.set()
        return await commit(committer, writer, 2)

    assert asyncio.run(scene()) == "wrote 2"
    assert kept() == [1, 2]


def test_who_cannot_hear_its_answer_keeps_nobody_from_hearing(committer: Committer, writer: Writer) -> None:
    def deaf(_: Any) -> None:
        raise RuntimeError("deaf")

    async def scene() -> str:
        committer.hand_in(writer.write, 1, deaf, size=1)
        return await commit(committer, writer, 2)

    assert asyncio.run(scene()) == "wrote 2"
    assert kept() == [1, 2]


def test_a_loop_that_ended_stops_nobody(committer: Committer, writer: Writer) -> None:
    async def leave() -> None:
        asyncio.get_running_loop().create_task(commit(committer, writer, 1))
        await until(writer.began.is_set)

    writer.may_go.clear()
    asyncio.run(leave())
    writer.may_go.set()

    assert asyncio.run(all_of(committer, writer, [2])) == ["wrote 2"]
    assert kept() == [1, 2]


def test_one_that_cannot_be_written_takes_no_other_with_it(committer: Committer, writer: Writer) -> None:
    writer.fault = lambda number: ValueError("three") if number == 3 else None

    answers = asyncio.run(all_of(committer, writer, range(6)))

    assert isinstance(answers.pop(3), ValueError)
    assert answers == [f"wrote {number}" for number in (0, 1, 2, 4, 5)]
    assert kept() == [0, 1, 2, 4, 5]


class StoppedError(Exception):
    sqlstate = "40P01"


@pytest.mark.parametrize(("stops", "kept_then"), [(1, [0, 1]), (2, [])])
def test_a_batch_that_was_stopped_for_another_is_tried_once_more(
    committer: Committer, writer: Writer, stops: int, kept_then: list[int]
) -> None:
    def stopped(_: int) -> Exception | None:
        error = OperationalError("deadlock detected")
        error.__cause__ = StoppedError()
        return error if len(writer.batches) <= stops else None

    async def scene() -> list[Any]:
        writer.may_go.clear()
        both = asyncio.create_task(all_of(committer, writer, [0, 1]))
        await asyncio.sleep(0.05)
        writer.may_go.set()
        return await both

    writer.fault = stopped
    answers = asyncio.run(scene())

    assert kept() == kept_then
    assert all(isinstance(each, str) for each in answers) is (stops == 1)


def test_an_outage_is_told_to_everybody_and_ends_by_itself(committer: Committer, writer: Writer) -> None:
    writer.fault = lambda _: OperationalError("away")
    assert {type(each) for each in asyncio.run(all_of(committer, writer, range(4)))} == {UnavailableError}
    tried = len(writer.batches)

    # One finds out whether it is back, the others need not wait for that.
    async def during() -> list[Any]:
        writer.may_go.clear()
        writer.began.clear()
        first = asyncio.create_task(all_of(committer, writer, [7]))
        await until(writer.began.is_set)
        others = await all_of(committer, writer, [8, 9])
        writer.may_go.set()
        return [*await first, *others]

    assert {type(each) for each in asyncio.run(during())} == {UnavailableError}
    assert len(writer.batches) == tried + 1
    assert kept() == []
    writer.fault = lambda _: None
    assert asyncio.run(all_of(committer, writer, [10])) == ["wrote 10"]
    assert asyncio.run(all_of(committer, writer, [11, 12])) == ["wrote 11", "wrote 12"]


def test_who_waited_behind_a_vain_try_is_told_with_it(committer: Committer, writer: Writer) -> None:
    writer.fault = lambda _: OperationalError("away")

    async def scene() -> list[Any]:
        writer.may_go.clear()
        first = asyncio.create_task(all_of(committer, writer, [0], size=7))
        await until(writer.began.is_set)
        rest = asyncio.create_task(all_of(committer, writer, range(1, 6), size=7))
        await until(lambda: counters.watched()["ingest_waiting"] == 5)
        writer.may_go.set()
        return [*await first, *await rest]

    assert {type(each) for each in asyncio.run(scene())} == {UnavailableError}
    assert writer.batches == [[0]]
    assert (counters.watched()["ingest_waiting"], committer._bytes) == (0, 0)
    writer.fault = lambda _: None
    assert asyncio.run(all_of(committer, writer, [7])) == ["wrote 7"]


@pytest.mark.parametrize("bound", [("MOST_WAITING", 3, 1), ("MOST_BYTES", 300, 100)])
def test_more_than_may_wait_is_refused_at_once(committer, writer, monkeypatch, bound) -> None:
    name, most, size = bound
    monkeypatch.setattr(module, name, most)

    async def scene() -> list[Any]:
        writer.may_go.clear()
        first = asyncio.create_task(all_of(committer, writer, [0], size=size))
        await until(writer.began.is_set)
        rest = asyncio.create_task(all_of(committer, writer, range(1, 6), size=size))
        await asyncio.sleep(0.05)
        writer.may_go.set()
        return [*await first, *await rest]

    answers = asyncio.run(scene())
    assert [type(each).__name__ for each in answers] == ["str"] * 4 + ["UnavailableError"] * 2
    assert kept() == [0, 1, 2, 3]


def test_nobody_waits_for_ever(committer: Committer, writer: Writer, monkeypatch) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.05)
    writer.may_go.clear()
    (answer,) = asyncio.run(all_of(committer, writer, [1]))
    assert isinstance(answer, UnavailableError)


def test_what_waits_is_written_before_the_process_ends(committer: Committer, writer: Writer) -> None:
    async def scene() -> list[Any]:
        writer.may_go.clear()
        waiting = asyncio.create_task(all_of(committer, writer, range(3)))
        await until(writer.began.is_set)
        closing = asyncio.create_task(asyncio.to_thread(committer.close))
        await asyncio.sleep(0.05)
        late = await all_of(committer, writer, [9])
        writer.may_go.set()
        await closing
        return [*await waiting, *late]

    answers = asyncio.run(scene())
    assert answers[:3] == ["wrote 0", "wrote 1", "wrote 2"]
    assert isinstance(answers[3], UnavailableError)
    assert kept() == [0, 1, 2]


def test_a_connection_that_broke_is_made_anew(committer: Committer, writer: Writer) -> None:
    def cut(number: int) -> Exception | None:
        if number == 1:
            connection.close()
            return TransactionManagementError("the connection is gone")
        return None

    writer.fault = cut
    answers = asyncio.run(all_of(committer, writer, [1]))
    assert isinstance(answers[0], Exception)
    assert asyncio.run(all_of(committer, writer, [2])) == ["wrote 2"]
