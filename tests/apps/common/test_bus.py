"""Nudges: in one process at once, over Redis to others, and never in the way."""

import os
import threading

import pytest
from redis import Redis
from redis.exceptions import RedisError

from apps.common.bus import Bus
from apps.common.redis_bus import RedisBus


def test_a_nudge_reaches_everybody_who_listens_to_its_topic_and_nobody_else() -> None:
    bus, heard = Bus(), []
    bus.subscribe("a", lambda: heard.append("first"))
    bus.subscribe("a", lambda: heard.append("second"))
    bus.subscribe("b", lambda: heard.append("other"))

    bus.publish("a")
    bus.publish("nobody")

    assert heard == ["first", "second"]


def test_a_subscription_ends_when_it_is_called() -> None:
    bus, heard = Bus(), []
    stop = bus.subscribe("a", lambda: heard.append(1))

    stop()
    bus.publish("a")

    assert heard == []


def test_one_that_fails_stands_in_nobodys_way(caplog) -> None:
    bus, heard = Bus(), []
    bus.subscribe("a", lambda: heard[7])
    bus.subscribe("a", lambda: heard.append(1))

    bus.publish("a")

    assert heard == [1]
    assert "a nudge could not be taken" in caplog.text


def test_a_redis_that_is_away_is_no_error() -> None:
    bus, heard = RedisBus("redis://127.0.0.1:1/0"), []
    bus.subscribe("a", lambda: heard.append(1))

    bus.publish("a")
    bus.close()

    assert heard == [1]


@pytest.fixture
def redis_url() -> str:
    url = os.environ.get("REDIS_URL") or "redis://127.0.0.1:6379/9"
    try:
        Redis.from_url(url, socket_connect_timeout=1).ping()
    except RedisError:
        pytest.skip("no Redis here")
    return url


def test_a_nudge_travels_between_processes_over_redis(redis_url) -> None:
    here, there = RedisBus(redis_url), RedisBus(redis_url)
    heard = threading.Event()
    there.subscribe("tests", heard.set)
    try:
        # The listener needs a moment to be known to Redis; nudges before that are lost, as they may be.
        assert any(here.publish("tests") or heard.wait(0.2) for _ in range(50))
    finally:
        there.close()
        here.close()
