import pytest

from apps.accounts.models import User
from apps.accounts.verification import ensure_verified, is_verified, vouch_for
from apps.common.errors import ForbiddenError
from apps.devices.models import Device
from apps.devices.services import create_device
from apps.devices.targets import describe
from tests.factories import make_project, make_workspace

pytestmark = pytest.mark.django_db


@pytest.fixture
def stranger() -> User:
    return User.objects.create_user("stranger@example.com", "correct horse battery staple")


def test_strangers_confirm_their_address_before_the_first_monitor(stranger, settings, now) -> None:
    settings.PROFILE = "saas"
    project = make_project(workspace=make_workspace(owner=stranger))
    site = describe(
        name="Web", label="http", host=None, port=None, url="https://example.com/", notes=None, missing="required"
    )

    with pytest.raises(ForbiddenError) as refusal:
        create_device(project=project, description=site, now=now)
    assert refusal.value.code == "email_unverified"
    assert Device.objects.count() == 0

    vouch_for(stranger)
    assert create_device(project=project, description=site, now=now).pk


def test_ones_own_machine_asks_for_no_proof(stranger, settings) -> None:
    settings.PROFILE = "self_hosted"
    ensure_verified(stranger)
    assert not is_verified(stranger)
