"""Deadlines of many with one timer: who began first is struck first, who ends in time is not struck at all."""

import asyncio
from typing import Any

import pytest

from dashmon.hot import wire
from dashmon.hot.patience import Deadlines, Patience
from tests.contracts.hot import Door


def test_who_waits_too_long_is_struck_in_order_and_who_ended_is_not() -> None:
    async def scene() -> list[str]:
        loop, struck = asyncio.get_running_loop(), list[str]()
        names = {loop.create_future(): name for name in ("first", "second", "third")}
        patience = Patience(0.05, lambda who: struck.append(names[who]))
        first, second, third = names
        patience.begin(first)
        patience.begin(second)
        await asyncio.sleep(0.03)
        patience.begin(third)
        assert patience.end(second) is True
        await asyncio.sleep(0.03)
        assert struck == ["first"]
        assert patience.end(first) is False
        await asyncio.sleep(0.04)
        return struck

    assert asyncio.run(scene()) == ["first", "third"]


def test_a_loop_that_ended_leaves_nothing_for_the_next_one() -> None:
    struck = list[object]()
    patience = Patience(0.02, struck.append)

    async def scene() -> int:
        patience.begin(asyncio.get_running_loop().create_future())
        return len(struck)

    assert asyncio.run(scene()) == 0
    assert asyncio.run(scene()) == 0


def test_a_task_that_stays_too_long_hears_a_timeout_and_goes_on() -> None:
    deadlines = Deadlines(0.02)

    async def scene() -> str:
        with pytest.raises(TimeoutError), deadlines:
            await asyncio.sleep(5)
        await asyncio.sleep(0)
        with deadlines:
            await asyncio.sleep(0)
        return "went on"

    assert asyncio.run(scene()) == "went on"


def test_a_task_that_somebody_else_cancels_is_cancelled() -> None:
    deadlines = Deadlines(5)

    async def stays() -> None:
        with deadlines:
            await asyncio.sleep(5)

    async def scene() -> bool:
        task = asyncio.create_task(stays())
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(scene()) is True


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "status"), [("/ping/hb_x", 400), ("/api/node/metrics", 408)])
def test_a_body_that_does_not_come_is_not_waited_for(monkeypatch, path: str, status: int) -> None:
    monkeypatch.setattr(wire, "_in_time", Deadlines(0.05))
    door, sent = Door(), list[dict[str, Any]]()
    headers = {"host": "testserver", "content-type": "application/json", "content-length": "9", "x-node-secret": "s"}
    scope = {
        "type": "http",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "method": "POST",
        "path": path,
        "query_string": b"",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 5000),
    }

    async def receive() -> dict[str, object]:
        await asyncio.sleep(5)
        return {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    asyncio.run(door.paths(scope, receive, send))

    assert sent[0]["status"] == status
    assert (b"connection", b"close") in sent[0]["headers"]
