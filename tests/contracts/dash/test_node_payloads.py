"""What agents send: the vectors, the two ways of reading it, and what is refused before it costs."""

import json
from collections.abc import Iterator
from contextlib import suppress
from copy import deepcopy
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.api.dash import machines, ranges, reports
from apps.api.dash.errors import InvalidMetricsError, InvalidRequestError, InvalidStaticError
from apps.api.dash.machines import Machines
from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static
from apps.api.dash.values import is_physical
from tests.replay.dash_nodes import CASES

VECTORS = Path(__file__).parents[2] / "vectors"
DOCUMENTS = {stem: json.loads((VECTORS / f"{stem}.json").read_text(encoding="utf-8")) for stem in CASES}
EVERY_CASE = [(stem, case) for stem, document in DOCUMENTS.items() for case in document["cases"]]
LINUX, WINDOWS, OLD = DOCUMENTS["dash_node_reports"]["cases"]


def body(document: Any) -> bytes:
    return json.dumps(document).encode()


def changed(path: str, value: Any, *, case: dict[str, Any] = LINUX, part: str = "report") -> dict[str, Any]:
    """The case's report or static facts with one value set anew, or without it."""
    document = deepcopy(case[part])
    *parents, last = path.split(".")
    place = document
    for name in parents:
        place = place[int(name) if name.isdecimal() else name]
    if value is ...:
        del place[last]
    else:
        place[int(last) if last.isdecimal() else last] = value
    return document


@pytest.mark.parametrize(("stem", "case"), EVERY_CASE, ids=[case["id"] for _, case in EVERY_CASE])
def test_vector(stem: str, case: dict[str, Any]) -> None:
    CASES[stem](DOCUMENTS[stem], case)


def test_the_columns_of_a_report_are_its_exact_values() -> None:
    values = read_report(body(LINUX["report"])).values

    told = {
        "cpu.ratio": 0.2175,
        "cpu.steal_s": 0,
        "cpu.temp_c": 58,
        "temp.max_c": 58,
        "temp_c[nvme_composite]": 41.85,
        "mem.used_bytes": 9663676416,
        "swap.ratio": 0,
        "disk.used_bytes[raid:md0]": 332859965440,
        "disk.ratio[raid:md0]": 0.34444444444444444,
        "disk.read_rate[raid:md0]": 182044,
        "disk.util_ratio[raid:md0]": 0.12,
        "disk.temp_c[nvme1n1]": 56,
        "disk.used_bytes": 332859965440 + 209715200,
        "disk.primary_ratio": 0.34444444444444444,
        "fs.ratio[/boot]": 0.2,
        "net.rx_rate[eno1]": 1233000.5,
        "net.rx_bytes[eno2]": 99887766,
        "net.rx_bytes": 812233445566 + 99887766,
        "net.tx_packets[eno1]": 222382555,
        "psi.io.some10": 1.23 / 100,
        "raid.failed": 0,
        "smart.failed": 1,
        "smart.critical": 1,
        "smart.failing": 1,
        "smart.max_temp_c": 56,
        "uptime_s": 1234567,
    }
    assert {column: values[column] for column in told} == told
    assert "psi.cpu.full10" not in values
    assert "temp_c[acpitz]" not in values
    assert "disk.temp_c[sda]" not in values


def test_what_an_agent_does_not_say_is_unknown_and_not_zero() -> None:
    values = read_report(body(WINDOWS["report"])).values

    assert not {"psi.cpu.some10", "raid.failed", "temp.max_c", "smart.critical"} & set(values)
    assert (values["smart.failed"], values["cpu.load1"]) == (0, -1)


def spelled(value: Any, chance: Random) -> Any:
    """The same document with its keys in any case and keys nobody knows."""
    if isinstance(value, dict):
        keys = {chance.choice([key, key.upper(), key.title()]): each for key, each in value.items()}
        return {key: spelled(each, chance) for key, each in keys.items()} | {"future": {"a": [1]}}
    return [spelled(each, chance) for each in value] if isinstance(value, list) else value


@settings(deadline=None)
@given(st.randoms(use_true_random=False), st.sampled_from([None, 1]))
def test_case_of_keys_unknown_keys_and_spaces_change_nothing(chance: Random, indent: int | None) -> None:
    told = json.dumps(spelled(OLD["report"], chance), indent=indent, separators=(" , ", " : ")).encode()

    assert read_report(told) == read_report(PLAIN)


def every_path(value: Any, path: str = "") -> Iterator[str]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield f"{path}{key}"
        yield from every_path(child, f"{path}{key}.")


@settings(deadline=None)
@given(st.sampled_from(sorted(every_path(LINUX["report"]))), st.sampled_from([None, True, -1, 0.5, "x", [], {}, [{}]]))
def test_any_value_anywhere_is_read_or_refused(path: str, value: Any) -> None:
    with suppress(InvalidRequestError, InvalidMetricsError):
        read_report(body(changed(path, value)))


def outcome(document: Any) -> Any:
    """What is read of a document, or why it is refused."""
    try:
        return read_report(body(document))
    except (InvalidRequestError, InvalidMetricsError) as error:
        return type(error), error.message, getattr(error, "fields", None)


@settings(deadline=None)
@given(
    st.sampled_from(sorted(every_path(LINUX["report"]))),
    st.sampled_from([..., None, -1, 0, 0.5, "/", " eno1 ", "x" * 400, "raid:md0", [], {}]),
)
def test_what_is_remembered_of_a_machine_says_nothing_about_another(path: str, value: Any) -> None:
    with pytest.MonkeyPatch.context() as patch, suppress(TypeError):
        patch.setattr(reports, "_machines", Machines())
        read_report(body(LINUX["report"]))
        document = changed(path, value)
        told = [outcome(document), outcome(document)]
        patch.setattr(reports, "_machines", Machines())

        assert told == [outcome(document)] * 2


def test_machines_are_forgotten_before_they_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "MOST", 100_000)
    kept = Machines()
    monkeypatch.setattr(reports, "_machines", kept)

    for number in range(60):
        read_report(body(changed("metrics.network.0.name", f"eno{number}9")))

    assert 1 <= len(kept._young) + len(kept._old) <= 20
    assert kept._size <= 50_000


def test_both_ways_of_reading_say_the_same() -> None:
    for case in (LINUX, WINDOWS, OLD):
        fast = read_report(body(case["report"]))
        slow = read_report(body({**case["report"], "something": 1}))
        assert fast == slow


PLAIN = body(OLD["report"])


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"null",
        b"{}{}",
        PLAIN + b"1",
        PLAIN.replace(b'"used_ratio": 0.2812', b'"used_ratio": NaN'),
        PLAIN.replace(b'"used_ratio": 0.2812', b'"used_ratio": Infinity'),
        PLAIN.replace(b'"used_ratio": 0.2812', b'"used_ratio": 1e999'),
        PLAIN.replace(b'"used_ratio": 0.2812', b'"used_ratio": ' + b"9" * 5000),
        PLAIN.replace(b'"hostname": "old-box"', b'"hostname": "a", "hostname": "b"'),
        PLAIN.replace(b'"hostname": "old-box"', b'"hostname": "a", "Hostname": "b"'),
        PLAIN.replace(b'"hostname": "old-box"', b'"hostname": "a", "x": 1, "x": 2'),
        PLAIN.replace(b"old-box", b"old\\u0000box"),
        PLAIN.replace(b"old-box", b"old\\ud800box"),
        PLAIN.replace(b"old-box", b"old\xffbox"),
        PLAIN.replace(b'"hostname": "old-box"', b'"hostname": ["a"]'),
        PLAIN.replace(b'"process_count": 312', b'"process_count": 312.5'),
        PLAIN.replace(b'"process_count": 312', b'"process_count": 9223372036854775808'),
        PLAIN.replace(b'"process_count": 312', b'"process_count": -9223372036854775809'),
        PLAIN.replace(b"2026-05-20T00:00:00Z", b"yesterday"),
        PLAIN.replace(b"2026-05-20T00:00:00Z", b"2026-05-20T00:00:00"),
        b'{"version": ' + b"[" * 100_000,
        b'{"a": ' * 100_000,
        b"[" * 1_000_000,
        b'{"a": [' + b"{}," * 300_000 + b"{}]}",
        b'{"a": [' + b"1," * 500_000 + b"1]}",
    ],
    ids=range(25),
)
def test_what_is_no_report_at_all_is_refused(sent: bytes) -> None:
    with pytest.raises(InvalidRequestError):
        read_report(sent)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("metrics", ...),
        ("metrics", None),
        ("metrics.disk", ...),
        ("metrics.network.1.name", " eno1 "),
        ("metrics.disk.physical.1.name", "nvme0n1"),
        ("metrics.disk.filesystems", None),
        ("metrics.disk.smart.devices", ...),
        ("metrics.disk.smart.devices.0.source", " "),
        ("metrics.disk.base_io.0.kind", ""),
        ("metrics.system.uptime", " "),
        ("metrics.raid.arrays.0.members", None),
        ("metrics.raid.arrays.0.members.0.state", ""),
        ("metrics.thermal.sensors.0.sensor_key", ""),
        ("metrics.network.0", None),
        ("timestamp", ...),
        ("timestamp", "9999-12-31T23:59:59-12:00"),
    ],
)
def test_a_report_that_lacks_what_it_must_have_is_refused(path: str, value: Any) -> None:
    with pytest.raises(InvalidMetricsError):
        read_report(body(changed(path, value)))


def test_sensors_and_disks_that_share_a_name_get_columns_of_their_own() -> None:
    sensors = [{**LINUX["report"]["metrics"]["thermal"]["sensors"][0], "temp_c": heat} for heat in (40, 50)]
    logical = [{"kind": "disk", "name": name, "ref": "same", "used": 1, "free": 1, "used_ratio": 0.5} for name in "ab"]
    document = changed("metrics.thermal.sensors", sensors)
    document["metrics"]["disk"]["logical"] = logical

    values = read_report(body(document)).values

    assert [values["temp_c[coretemp_package_id_0]"], values["temp_c[coretemp_package_id_0#2]"]] == [40, 50]
    assert values["disk.ratio[same]"] == values["disk.ratio[b]"] == 0.5


def test_a_name_that_is_too_long_for_a_column_has_none() -> None:
    document = changed("metrics.network.0.name", "n" * 400)

    assert not [column for column in read_report(body(document)).values if "nnn" in column]


@pytest.mark.parametrize(
    ("device", "physical"),
    [
        ({"name": "nvme0n1", "protocol": "NVMe"}, True),
        ({"name": "sda", "device_type": "sat"}, True),
        ({"name": "sda", "device_type": "scsi"}, False),
        ({"name": "sda", "device_type": "scsi", "serial": " "}, False),
        ({"name": "sda", "device_type": "scsi", "serial": "1"}, True),
        ({"name": "sda", "device_type": "scsi", "wwn": "0x5"}, True),
        ({"name": "vda", "protocol": "ATA"}, False),
        ({"name": "sda", "ref": "raid:md0", "protocol": "ATA"}, False),
        ({"name": "sda", "device_path": "/dev/mapper/x", "protocol": "ATA"}, False),
        ({"name": "sda", "protocol": "ATA", "model": "QEMU HARDDISK"}, False),
        ({"name": "sda"}, False),
    ],
)
def test_only_disks_that_one_can_touch_have_a_temperature(device: dict[str, str], physical: bool) -> None:
    assert is_physical(device) is physical


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("version", "1.2"),
        ("timestamp", ...),
        ("timestamp", "0001-01-01T00:00:00Z"),
        ("report_interval_seconds", 0),
        ("report_interval_seconds", -3),
        ("system", None),
        *((f"system.{name}", " ") for name in ("hostname", "os", "platform", "platform_version", "kernel_version")),
        ("system.arch", ...),
    ],
)
def test_static_facts_that_cannot_be_are_refused(path: str, value: Any) -> None:
    with pytest.raises(InvalidStaticError):
        read_static(body(changed(path, value, part="static")))


def test_static_facts_may_lack_every_list() -> None:
    facts = read_static(body({**LINUX["static"], "disk": {}, "raid": None, "cpu": {}}))

    assert (facts.hostname, facts.report_interval_s, facts.version) == ("metal-fra-01", 3, "0.2.3")
    assert facts.document["disks"] == {"usage": [], "io": [], "filesystems": []}
    assert facts.document["cpu"]["cores_logical"] == 0


def test_online_steps_are_the_last_whole_ones() -> None:
    steps = ranges.online_steps("24h", 1_000_000_007)

    assert len(steps) == 48
    assert steps[-1] + 1800 <= 1_000_000_007 < steps[-1] + 3600
    assert all(step % 1800 == 0 for step in steps)
