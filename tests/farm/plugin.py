"""The farm as a fixture: import it in the conftest of whoever needs targets."""

from collections.abc import Iterator

import pytest

from tests.farm.land import Farm


@pytest.fixture(scope="session")
def farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Farm]:
    """One farm for the whole session; every listener is on loopback."""
    farm = Farm(tmp_path_factory.mktemp("farm"))
    farm.start()
    yield farm
    farm.stop()
