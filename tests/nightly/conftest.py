"""An installation in processes of its own, and what it watches."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.chaos.installation import Embedded, TargetProcess


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Embedded]:
    """The embedded server, not started yet."""
    house = Embedded(tmp_path / "data")
    yield house
    house.close()


@pytest.fixture
def target() -> Iterator[TargetProcess]:
    """A server that counts who asks it."""
    process = TargetProcess()
    yield process
    process.close()
