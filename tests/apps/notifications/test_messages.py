from typing import Any

import pytest

from apps.notifications import links, messages
from tests.apps.incidents.scene import T0, minutes


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (40, "40 s"), (900, "15 min"), (3661, "1 h 1 min"), (3605, "1 h 5 s"), (183_600, "2 d 3 h")],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: int, words: str) -> None:
    assert messages.lasting(seconds) == words


def test_times_are_in_the_workspaces_zone() -> None:
    assert messages.local_time(T0, "Europe/Berlin") == "2026-03-01 11:00:00 CET"
    assert messages.local_time(minutes(60 * 24 * 60), "Europe/Berlin") == "2026-04-30 12:00:00 CEST"


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", "../../etc/passwd"])
def test_an_unknown_zone_means_utc(zone: str) -> None:
    assert messages.local_time(T0, zone) == "2026-03-01 10:00:00 UTC"


@pytest.mark.parametrize(
    ("base", "host", "port", "address"),
    [
        ("https://watch.example", "0.0.0.0", 8000, "https://watch.example"),
        ("", "127.0.0.1", 8000, "http://127.0.0.1:8000"),
        ("", "0.0.0.0", 9000, "http://127.0.0.1:9000"),
    ],
)
def test_links_lead_to_where_the_product_is(settings: Any, base: str, host: str, port: int, address: str) -> None:
    settings.BASE_URL, settings.HOST, settings.PORT = base, host, port

    assert links.base_url() == address


@pytest.mark.parametrize(
    ("sender", "domain"),
    [
        ("Dashmon <dashmon@watch.example>", "watch.example"),
        ("dashmon@localhost", "localhost"),
        ("dashmon", "dash.example"),
    ],
)
def test_a_message_id_ends_in_the_senders_host(settings: Any, sender: str, domain: str) -> None:
    settings.DEFAULT_FROM_EMAIL, settings.BASE_URL = sender, "https://dash.example:8443"

    assert messages.message_id("dlv_1") == f"<dlv_1@{domain}>"
