import pytest
from pytest_django import Settings

from apps.projects.models import Project
from tests.factories import make_project, make_workspace


@pytest.fixture
def project() -> Project:
    return make_project(make_workspace())


@pytest.fixture
def paid(settings: Settings) -> Project:
    """A project of a Premium workspace of a service: limits count."""
    settings.PROFILE = "saas"
    return make_project(make_workspace())


@pytest.fixture
def free(settings: Settings) -> Project:
    """A project of a Free workspace of a service."""
    settings.PROFILE = "saas"
    return make_project(make_workspace(plan="free"))
