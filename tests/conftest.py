"""Fixtures every test may ask for. Time is handed in; sockets other than loopback are refused."""

import ipaddress
import os
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.core.cache import cache
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from apps.api.dash import shelf as dash_shelf
from apps.common import counters, kept, remembered, storage
from apps.statuspages import shelf
from apps.statuspages.visits import visits

pytest_plugins = ["tests.farm.plugin", "tests.sinks.plugin"]

# What a machine has to do beside these tests must not fail one: nothing is asserted about milliseconds.
hypothesis_settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("calm")
FIRST_REDIS_DATABASE = 10
REAL_CONNECT = socket.socket.connect


def pytest_configure() -> None:
    """Give each process of a parallel run a Redis database of its own, as it has a PostgreSQL one."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    if not settings.REDIS_URL or not worker:
        return
    parts = urlsplit(settings.REDIS_URL)
    number = FIRST_REDIS_DATABASE + int(worker.removeprefix("gw"))
    parts = parts._replace(query=f"db={number}") if parts.scheme == "unix" else parts._replace(path=f"/{number}")
    os.environ["REDIS_URL"] = settings.REDIS_URL = settings.CELERY_BROKER_URL = parts.geturl()
    settings.CACHES["default"]["LOCATION"] = parts.geturl()


def _loopback_only(self: socket.socket, address: Any) -> None:
    if self.family in {socket.AF_INET, socket.AF_INET6}:
        host = ipaddress.ip_address(str(address[0]).partition("%")[0])
        if not host.is_loopback:
            raise AssertionError(f"a test tried to reach {address}")
    REAL_CONNECT(self, address)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", _loopback_only)


@pytest.fixture(autouse=True)
def _quick_passwords(settings: Any) -> None:
    """Passwords of tests guard nothing, and a slow hash for each made-up person is most of a run."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    """Rate limits and other remembered things do not travel from test to test."""
    _forget()
    yield
    _forget()


def _forget() -> None:
    cache.clear()
    remembered.forget_all()
    kept.forget_all()
    counters.reset()
    storage.forget()
    shelf.pages.clear()
    dash_shelf.nodes.clear()
    visits.clear()


@pytest.fixture
def now() -> datetime:
    """The instant at which most tests happen: a Monday morning."""
    return datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
