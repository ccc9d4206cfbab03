"""Values with their units, as people read them."""

import pytest

from apps.alerts.words import cause_text, label_of, lasting, spelled


@pytest.mark.parametrize(
    ("kind", "metric", "value", "text"),
    [
        ("node", "cpu.ratio", 0.925, "92.5 %"),
        ("node", "cpu.ratio", 0.28, "28 %"),
        ("node", "mem.used_bytes", 1.5 * 2**30, "1.5 GiB"),
        ("node", "mem.used_bytes", 512, "512 B"),
        ("node", "mem.used_bytes", 2.0**80, "1073741824 PiB"),
        ("node", "net.rx_rate", 2048, "2 KiB/s"),
        ("node", "temp.max_c", 71.25, "71.25 °C"),
        ("node", "cpu.load1", 4, "4"),
        ("node", "cpu.load1", 1 / 3, "0.333"),
        ("node", "node.silence_s", 15, "15 s"),
        ("node", "disk.wait_ms[sda]", 2.5, "2.5 ms"),
        ("device", "latency_us", 212_500, "212.5 ms"),
        ("device", "cert.days", 6, "6 d"),
        ("device", "cert.days", -1, "-1 d"),
        ("device", "http.status", 503, "503"),
        ("node", "unknown.moon", 3, "3"),
    ],
)
def test_a_value_has_its_unit(kind: str, metric: str, value: float, text: str) -> None:
    assert spelled(kind, metric, value) == text


def test_a_metric_has_a_name_with_its_part() -> None:
    assert label_of("node", "disk.ratio[sda]") == "Disk use, all file systems of sda"
    assert label_of("node", "unknown.moon_phase") == "moon_phase"


def test_what_was_found_is_said_with_the_limit_where_there_is_one() -> None:
    assert cause_text("node", "cpu.ratio", 0.97, 0.9) == "CPU use: 97 %, the limit is 90 %"
    assert cause_text("container", "state", 2, None) == "State: 2"
    assert cause_text("node", "cpu.ratio", None, 0.9) == ""


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (45, "45 s"), (60, "1 min"), (90, "90 s"), (7200, "2 h"), (172_800, "2 d")]
)
def test_a_duration_is_in_the_largest_unit_that_says_it_exactly(seconds: float, text: str) -> None:
    assert lasting(seconds) == text
