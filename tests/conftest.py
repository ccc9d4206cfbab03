"""Fixtures every test may ask for. Time is handed in; sockets other than loopback are refused."""

import ipaddress
import socket
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.core.cache import cache

from apps.metrics.sources import forget_remembered

pytest_plugins = ["tests.farm.plugin", "tests.sinks.plugin"]

REAL_CONNECT = socket.socket.connect


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
    cache.clear()
    forget_remembered()
    yield
    cache.clear()
    forget_remembered()


@pytest.fixture
def now() -> datetime:
    """The instant at which most tests happen: a Monday morning."""
    return datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
