from typing import Any

import pytest
from pytest_django import Settings

from apps.common.egress import forbidden_reason
from apps.common.errors import InvalidInputError
from apps.devices.models import Device
from apps.devices.targets import Description, describe, kind_of

MISSING = "Device name, type, and IP are required"


def described(**changes: Any) -> Description:
    given = {"name": "Till 1", "label": "posserver", "host": "203.0.113.7", "port": None, "url": None, "notes": None}
    return describe(**(given | changes), missing=MISSING)


def test_a_class_of_hardware_is_probed_by_what_is_known_of_it() -> None:
    device = described(port=443, notes=" keep ", name="  Till 1 ")

    assert device == Description("Till 1", Device.Kind.AUTO, "posserver", "203.0.113.7", 443, "", "keep")


@pytest.mark.parametrize(
    ("label", "kind"),
    [
        ("http", "http"),
        (" DNS ", "dns"),
        ("Heartbeat", "heartbeat"),
        ("agent", "agent"),
        ("fortigate", "auto"),
        ("auto", "auto"),
        ("ips", "auto"),
    ],
)
def test_a_protocol_is_its_own_kind_and_anything_else_a_class(label: str, kind: str) -> None:
    assert kind_of(label) == kind


@pytest.mark.parametrize("host", ["203.0.113.7", "192.0.2.1", "198.51.100.255", "2001:db8::7"])
def test_an_address_of_documentation_may_be_saved_for_checks_that_say_blocked(host: str) -> None:
    url = f"http://[{host}]:8080/" if ":" in host else f"http://{host}:8080/"

    assert described(host=host).host == host
    assert described(host="", url=url).url == url
    assert forbidden_reason(host) is not None


@pytest.mark.parametrize("label", ["dns", "heartbeat", "agent"])
def test_what_somebody_else_feeds_needs_no_address(label: str) -> None:
    assert described(label=label, host=None).host == ""


def test_an_address_to_fetch_stands_in_for_the_host() -> None:
    assert described(label="http", host="", url=" https://shop.example/health ").url == "https://shop.example/health"


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": None}, {"name"}),
        ({"name": "   "}, {"name"}),
        ({"label": ""}, {"type"}),
        ({"host": None}, {"ip"}),
        ({"host": "", "url": ""}, {"ip"}),
        ({"name": None, "label": None, "host": None}, {"name", "type", "ip"}),
    ],
)
def test_what_is_missing_is_said_in_the_endpoints_sentence(changes: dict[str, Any], fields: set[str]) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        described(**changes)

    assert refusal.value.message == MISSING
    assert set(refusal.value.fields) == fields


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "x" * 121}, "name"),
        ({"name": 7}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"label": "x" * 41}, "type"),
        ({"label": ["http"]}, "type"),
        ({"host": "x" * 254}, "ip"),
        ({"host": "a b"}, "ip"),
        ({"host": 7}, "ip"),
        ({"host": "169.254.169.254"}, "ip"),
        ({"notes": "x" * 4001}, "notes"),
        ({"notes": 7}, "notes"),
        ({"notes": "\udfff"}, "notes"),
        ({"port": 0}, "port"),
        ({"port": 65536}, "port"),
        ({"port": True}, "port"),
        ({"port": "443"}, "port"),
        ({"port": 443.0}, "port"),
        ({"label": "tcp"}, "port"),
        ({"url": "ftp://shop.example/"}, "url"),
        ({"url": "shop.example"}, "url"),
        ({"url": "http://"}, "url"),
        ({"url": "http://[203.0.113.7/"}, "url"),
        ({"host": "0.0.0.0"}, "ip"),
        ({"host": "198.18.0.1"}, "ip"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"url": "http://" + "x" * 2048}, "url"),
    ],
)
def test_a_bad_field_is_named_as_the_wire_spells_it(changes: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInputError) as refusal:
        described(**changes)

    assert list(refusal.value.fields) == [field]
    assert refusal.value.message != MISSING
    assert refusal.value.fields[field].endswith((".", ")"))


def test_ones_own_network_is_open_at_home_and_closed_in_a_service(settings: Settings) -> None:
    assert described(host="192.168.1.7").host == "192.168.1.7"

    settings.PROFILE = "saas"

    with pytest.raises(InvalidInputError) as refusal:
        described(host="192.168.1.7")
    assert list(refusal.value.fields) == ["ip"]


def test_a_port_of_the_services_own_is_refused_and_its_neighbours_are_not(settings: Settings) -> None:
    settings.EGRESS_DENY = ["127.0.0.1:5432"]

    with pytest.raises(InvalidInputError) as refusal:
        described(label="tcp", host="127.0.0.1", port=5432)

    assert set(refusal.value.fields) == {"ip"}
    assert described(label="tcp", host="127.0.0.1", port=5433).port == 5433
