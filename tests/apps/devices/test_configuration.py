import pytest

from apps.common.errors import (
    InvalidInputError,
    UnsupportedError,
)
from apps.devices import services
from apps.devices.models import Device
from apps.projects.models import Project
from apps.tokens.models import AgentKey
from tests.apps.devices.making import LATER, create
from tests.factories import NOW, key_with, make_project, make_workspace

pytestmark = pytest.mark.django_db


def test_a_synthetic_is_stored_in_canonical_form_and_taken_away(project: Project) -> None:
    device = create(project)
    document = {"assertions": [{"source": "status_code", "op": "eq", "value": 200}]}

    stored = services.set_synthetic(device=device, document=document, now=LATER)

    assert stored is not None
    assert Device.objects.get().synthetic == stored
    assert stored["assertions"][0]["value"] == 200
    assert Device.objects.get().updated_at == LATER
    assert services.set_synthetic(device=device, document=None, now=LATER) is None
    assert Device.objects.get().synthetic is None


def test_a_bad_synthetic_changes_nothing(project: Project) -> None:
    device = create(project)

    with pytest.raises(InvalidInputError) as refusal:
        services.set_synthetic(device=device, document={"assertions": [{"source": "moon"}]}, now=LATER)

    assert all(field.startswith("assertions[0]") for field in refusal.value.fields)
    assert (Device.objects.get().synthetic, Device.objects.get().updated_at) == (None, NOW)


def test_configurations_belong_to_their_kind(project: Project) -> None:
    http, dns, heartbeat = create(project), create(project, "dns"), create(project, "heartbeat")

    for device in (http, heartbeat):
        with pytest.raises(UnsupportedError):
            services.set_dns_config(device=device, document={"hostname": "example.com"}, now=NOW)
    for device in (http, dns):
        with pytest.raises(UnsupportedError):
            services.set_heartbeat_config(device=device, document={"intervalSeconds": 60}, now=NOW)
    for device in (dns, heartbeat):
        with pytest.raises(UnsupportedError):
            services.set_synthetic(device=device, document={}, now=NOW)


def test_a_heartbeat_configuration_keeps_what_is_not_said(project: Project) -> None:
    device = create(project, "heartbeat")

    services.set_heartbeat_config(device=device, document={"intervalSeconds": 600}, now=NOW)
    stored = services.set_heartbeat_config(device=device, document={"graceSeconds": 30}, now=NOW)

    assert (stored["intervalSeconds"], stored["graceSeconds"]) == (600, 30)
    assert Device.objects.get().heartbeat == stored


def test_a_dns_configuration_is_stored(project: Project) -> None:
    device = create(project, "dns")

    stored = services.set_dns_config(
        device=device, document={"hostname": "Example.com.", "recordType": "A", "match": "any_answer"}, now=NOW
    )

    assert stored["hostname"] == "example.com"
    assert Device.objects.get().dns == stored


def test_a_fresh_heartbeat_token_ends_the_old_one(project: Project) -> None:
    device = create(project, "heartbeat")
    old = AgentKey.objects.get().secret

    new = services.renew_heartbeat_token(device=device, now=NOW)

    assert key_with(old) is None
    assert key_with(new) is not None


def test_the_fullest_project_is_what_counts(project: Project) -> None:
    fuller = make_project(project.workspace)
    for where in (project, fuller, fuller):
        create(where)
    create(make_project(make_workspace()))

    assert services.most_in_a_project(project.workspace_id) == 2
    assert services.most_in_a_project(make_workspace().pk) == 0
