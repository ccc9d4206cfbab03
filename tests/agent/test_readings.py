"""What the agent makes of RAID, sensors, drives and sockets, on inputs written as kernels and smartctl do."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from dashmon_agent import disks, machine, metrics
from dashmon_agent.raid import raid, static_raid
from dashmon_agent.smart import smart
from dashmon_agent.thermal import thermal

from apps.api.dash.reports import read_report
from apps.api.dash.statics import read_static

MDSTAT = """\
Personalities : [raid1] [raid6] [raid5] [raid4] [raid0]
md0 : active raid1 nvme1n1p2[1] nvme0n1p2[0]
      468000000 blocks super 1.2 [2/2] [UU]
      [==>..................]  check = 12.6% (59000000/468000000) finish=41.2min speed=165000K/sec
      bitmap: 0/4 pages [0KB], 65536KB chunk

md1 : active raid5 sdd1[3](F) sdc1[1] sdb1[0]
      7813772288 blocks super 1.2 level 5, 512k chunk, algorithm 2 [3/2] [UU_]

md2 : active (auto-read-only) raid1 sdf1[2] sde1[0] sdg1[3](S)
      1000 blocks super 1.2 [2/1] [U_]
      [=>...................]  recovery =  5.0% (50/1000) finish=1.0min speed=100K/sec

md3 : active raid0 sdh1[1] sdi1[0]
      2000 blocks super 1.2 512k chunks

md127 : inactive sdj1[1](S)
      976630464 blocks super 1.2

md_home : active raid1 sdk1[0] sdl1[1]
      1000 blocks super 1.2 [2/2] [UU]
      \tresync=DELAYED

md5 : active raid5 sdq1[4] sdp1[2] sdo1[1] sdn1[0] sdr1[5](J)
      1000 blocks super 1.2 level 5, 512k chunk, algorithm 2 [4/4] [UUUU]

unused devices: <none>
"""


def put(folder: Path, **files: str) -> Path:
    """Files below a folder; `__` in a name is a slash."""
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def report_with(**parts: Any) -> Any:
    """The product's reading of a whole report of this machine, with these parts in place of its own."""
    found = metrics.Meter().read()
    for name, part in parts.items():
        (found["disk"] if name == "smart" else found)[name] = part
    document = {"version": "1.1.0+dashmon", "hostname": "web", "timestamp": "2026-03-02T10:00:00Z", "metrics": found}
    return read_report(json.dumps(document).encode())


# --- RAID -------------------------------------------------------------------------------------------------


def test_every_array_says_how_it_is(tmp_path: Path) -> None:
    block = raid(put(tmp_path, mdstat=MDSTAT))

    assert (block["supported"], block["available"]) == (True, True)
    told = [
        (each["name"], each["status"], each["active"], each["working"], each["failed"], each["health"])
        for each in block["arrays"]
    ]
    assert told == [
        ("md0", "active", 2, 2, 0, "healthy"),
        ("md1", "active", 2, 2, 1, "degraded"),
        ("md2", "active (auto-read-only)", 1, 1, 0, "degraded"),
        ("md3", "active", 2, 2, 0, "healthy"),
        ("md127", "inactive", 0, 0, 0, "unknown"),
        ("md_home", "active", 2, 2, 0, "healthy"),
        ("md5", "active", 4, 4, 0, "healthy"),
    ]
    members = [[(each["name"], each["state"]) for each in array["members"]] for array in block["arrays"]]
    assert members[0] == [("nvme1n1p2", "up"), ("nvme0n1p2", "up")]
    assert members[1] == [("sdd1", "down"), ("sdc1", "up"), ("sdb1", "up")]
    assert members[2] == [("sdf1", "unknown"), ("sde1", "up"), ("sdg1", "unknown")]
    assert members[4] == [("sdj1", "unknown")]
    # A number that is beyond the slots says when a member came, not that it serves nothing.
    assert {state for _, state in members[6]} == {"up"}
    assert [array.get("sync_progress") for array in block["arrays"]] == ["12.6%", None, "5.0%", None, None, None, None]
    assert block["arrays"][0]["sync_status"].startswith("[==>")
    assert block["arrays"][5]["sync_status"] == "resync=DELAYED"


def test_rules_count_an_arrays_failures(tmp_path: Path) -> None:
    report = report_with(raid=raid(put(tmp_path, mdstat=MDSTAT)))

    # A failed member, an array that lacks one, and one that does not run.
    assert report.values["raid.failed"] == 3


def test_arrays_are_among_what_a_machine_is(tmp_path: Path) -> None:
    block = static_raid(put(tmp_path, mdstat=MDSTAT))

    assert block["arrays"][1] == {
        "name": "md1",
        "level": "raid5",
        "devices": 3,
        "members": [{"name": "sdd1"}, {"name": "sdc1"}, {"name": "sdb1"}],
    }
    facts = {**machine.static_facts(3), "raid": block, "timestamp": "2026-03-02T10:00:00Z"}
    assert read_static(json.dumps(facts).encode()).document["raid"] == {"supported": True, "available": True}


@pytest.mark.parametrize(("text", "supported"), [(None, False), ("Personalities :\nunused devices: <none>\n", True)])
def test_a_machine_without_arrays_has_none(tmp_path: Path, text: str | None, supported: bool) -> None:
    folder = tmp_path if text is None else put(tmp_path, mdstat=text)

    assert raid(folder) == {"supported": supported, "available": False, "arrays": []}
    assert "raid.failed" not in report_with(raid=raid(folder)).values


# --- Sensors ----------------------------------------------------------------------------------------------


def chip(name: str, **readings: int | str) -> dict[str, str]:
    return {"name": f"{name}\n", **{key: f"{value}\n" for key, value in readings.items()}}


CHIPS = [
    chip("acpitz", temp1_input=27800),
    chip("nvme", temp1_label="Composite", temp1_input=41850, temp1_max=81850, temp1_crit=84850, temp2_input=60000),
    chip("coretemp", temp1_label="Package id 0", temp1_input=58000, temp1_max=84000, temp1_crit=94000,
         temp10_label="Core 8", temp10_input=54000, temp2_label="Core 0", temp2_input=55500),
    chip("nct6798", temp1_label="SYSTIN", temp1_input=33000, temp2_label="CPUTIN", temp2_input=-62000,
         temp3_label="AUXTIN", temp3_input=0, temp4_label="PCH", temp4_input=3892000),
    chip("nvme", temp1_label="Composite", temp1_input=39850, temp1_max=65261850),
    chip("amdgpu", temp1_label="edge", temp1_input=44000),
    chip("pch_cannonlake", temp1_input=51000),
]  # fmt: skip


def test_every_sensor_that_reads_something_is_told(tmp_path: Path) -> None:
    for place, files in enumerate(CHIPS):
        put(tmp_path / f"class/hwmon/hwmon{place}", **files)
    for place in (1, 4):
        drive = tmp_path / f"devices/nvme{place}"
        drive.mkdir(parents=True)
        (tmp_path / f"class/hwmon/hwmon{place}/device").symlink_to(drive)

    block = thermal(tmp_path)

    told = {each["sensor_key"]: (each["kind"], each["temp_c"]) for each in block["sensors"]}
    assert told == {
        "acpitz_temp1": ("acpi", 27.8),
        "nvme_composite": ("unknown", 41.85),
        "nvme_temp2": ("unknown", 60.0),
        "coretemp_package_id_0": ("cpu", 58.0),
        "coretemp_core_0": ("cpu", 55.5),
        "coretemp_core_8": ("cpu", 54.0),
        "nct6798_systin": ("board", 33.0),
        "nvme_nvme4_composite": ("unknown", 39.85),
        "amdgpu_edge": ("gpu", 44.0),
        "pch_cannonlake_temp1": ("chipset", 51.0),
    }
    first = next(each for each in block["sensors"] if each["sensor_key"] == "coretemp_package_id_0")
    assert (first["high_c"], first["critical_c"], first["source"], first["status"]) == (84.0, 94.0, "hwmon", "ok")
    # A limit of 65,261 degrees is one that nobody set.
    assert "high_c" not in next(each for each in block["sensors"] if each["sensor_key"] == "nvme_nvme4_composite")
    values = report_with(thermal=block).values
    assert (values["cpu.temp_c"], values["temp.max_c"]) == (58.0, 60.0)


def test_a_machine_without_a_hardware_monitor_has_its_zones(tmp_path: Path) -> None:
    for place, (kind, reading) in enumerate([("x86_pkg_temp", 47000), ("acpitz", 0), ("cpu-thermal", 51000)]):
        put(tmp_path / f"class/thermal/thermal_zone{place}", type=f"{kind}\n", temp=f"{reading}\n")

    sensors = thermal(tmp_path)["sensors"]

    assert [(each["name"], each["sensor_key"], each["kind"], each["source"]) for each in sensors] == [
        ("x86_pkg_temp", "thermal_zone0", "cpu", "sysfs"),
        ("cpu-thermal", "thermal_zone2", "cpu", "sysfs"),
    ]


def test_a_machine_without_sensors_says_so(tmp_path: Path) -> None:
    assert thermal(tmp_path) == {"status": "not_found", "sensors": []}
    assert "temp.max_c" not in report_with(thermal=thermal(tmp_path)).values


# --- Drives -----------------------------------------------------------------------------------------------


def said(code: int, *messages: str, **more: Any) -> dict[str, Any]:
    told = [{"string": message, "severity": "error"} for message in messages]
    return {"json_format_version": [1, 0], "smartctl": {"exit_status": code, "messages": told}, **more}


ATTRIBUTES = [
    {"id": 5, "name": "Reallocated_Sector_Ct", "value": 1, "thresh": 10, "when_failed": "now"},
    {"id": 190, "name": "Airflow_Temperature_Cel", "value": 60, "thresh": 45, "when_failed": "past"},
    {"id": 9, "name": "Power_On_Hours", "value": 99, "thresh": 0, "when_failed": ""},
]
ANSWERS = {
    "nvme0n1": said(
        0,
        device={"name": "/dev/nvme0n1", "type": "nvme", "protocol": "NVMe"},
        model_name="ACME PM9A3 960GB",
        serial_number="S64FNE0R1",
        smart_status={"passed": True, "nvme": {"value": 0}},
        nvme_smart_health_information_log={"critical_warning": 4, "percentage_used": 97, "media_errors": 2},
        temperature={"current": 41},
        power_on_time={"hours": 18211},
    ),
    "sda": said(
        24,
        device={"name": "/dev/sda", "type": "sat", "protocol": "ATA"},
        model_name="ACME HDD 4T",
        serial_number="WD-1",
        wwn={"naa": 5, "oui": 3274, "id": 2748},
        smart_support={"available": True, "enabled": True},
        smart_status={"passed": False},
        ata_smart_attributes={"table": ATTRIBUTES},
        temperature={"current": 36},
        power_on_time={"hours": 40012, "minutes": 3},
    ),
    "sdb": said(2, "Device is in STANDBY mode, exit(2)", device={"name": "/dev/sdb", "type": "sat", "protocol": "ATA"}),
    "sdc": said(4, device={"name": "/dev/sdc", "type": "scsi", "protocol": "SCSI"}, scsi_model_name="ACME SAS",
                smart_status={"passed": True}, scsi_percentage_used_endurance_indicator=3),
    "vda": said(1, "/dev/vda: Unable to detect device type"),
}  # fmt: skip


def answers(folder: Path, *names: str) -> Path:
    for name in names or ANSWERS:
        put(folder, **{f"{name}.json": json.dumps(ANSWERS[name])})
        os.utime(folder / f"{name}.json", (1_772_445_432, 1_772_445_432))
    return folder


def test_every_drive_says_how_it_is(tmp_path: Path) -> None:
    block = smart(answers(tmp_path), now=1_772_445_600)

    assert (block["status"], block["updated_at"], block["ttl_seconds"]) == ("partial", "2026-03-02T09:57:12Z", 300)
    nvme, sda, sdb, sdc, vda = block["devices"]
    named = {"name": "nvme0n1", "ref": "nvme0n1", "device_path": "/dev/nvme0n1", "source": "smartctl", "status": "ok"}
    assert nvme == named | {
        "device_type": "nvme",
        "protocol": "NVMe",
        "model": "ACME PM9A3 960GB",
        "serial": "S64FNE0R1",
        "exit_status": 0,
        "health": "passed",
        "temp_c": 41,
        "power_on_hours": 18211,
        "lifetime_used_percent": 97,
        "critical_warning": 4,
        "media_errors": 2,
    }
    assert (sda["status"], sda["health"], sda["wwn"], sda["exit_status"]) == ("ok", "failed", "0x5000cca000000abc", 24)
    assert sda["failing_attrs"] == [
        {"id": 5, "name": "Reallocated_Sector_Ct", "when_failed": "FAILING_NOW"},
        {"id": 190, "name": "Airflow_Temperature_Cel", "when_failed": "In_the_past"},
    ]
    assert (sdb["status"], "health" in sdb, "temp_c" in sdb) == ("standby", False, False)
    assert (sdc["status"], sdc["model"], sdc["lifetime_used_percent"]) == ("partial", "ACME SAS", 3)
    assert (vda["status"], "health" in vda) == ("unsupported", False)
    assert all("failing_attrs" not in device for device in (nvme, sdb, sdc, vda))


def test_rules_and_charts_know_what_drives_say(tmp_path: Path) -> None:
    values = report_with(smart=smart(answers(tmp_path), now=1_772_445_600)).values

    assert [values[name] for name in ("smart.failed", "smart.critical", "smart.failing", "smart.max_temp_c")] == [
        1, 1, 1, 41
    ]  # fmt: skip
    assert (values["disk.temp_c[nvme0n1]"], values["disk.temp_c[sda]"]) == (41, 36)


@pytest.mark.parametrize(
    ("names", "age_s", "status"),
    [
        (["nvme0n1", "sda"], 400, "ok"),
        (["sdb"], 0, "ok"),
        (["vda"], 0, "unsupported"),
        (["sda", "vda"], 0, "partial"),
        (["sda"], 901, "stale"),
    ],
)
def test_one_word_says_how_the_asking_went(tmp_path: Path, names: list[str], age_s: int, status: str) -> None:
    assert smart(answers(tmp_path, *names), now=1_772_445_432 + age_s)["status"] == status


@pytest.mark.parametrize("text", ["", "{", "[]", '{"smartctl":{"exit_status":"x"}}', '{"smartctl":[],"wwn":7}'])
def test_an_answer_that_cannot_be_read_is_an_error_of_that_drive(tmp_path: Path, text: str) -> None:
    (device,) = smart(put(tmp_path, **{"sda.json": text}))["devices"]

    assert device == {
        "name": "sda", "ref": "sda", "device_path": "/dev/sda", "source": "smartctl", "status": "error"
    }  # fmt: skip


@pytest.mark.parametrize(("code", "message", "status"), [(2, "Permission denied", "no_permission"), (2, "?", "error")])
def test_why_a_drive_could_not_be_asked(tmp_path: Path, code: int, message: str, status: str) -> None:
    (device,) = smart(put(tmp_path, **{"sda.json": json.dumps(said(code, message))}))["devices"]

    assert (device["status"], device["exit_status"]) == (status, code)


@pytest.mark.parametrize(("found", "status"), [("/usr/sbin/smartctl", "no_cache"), (None, "no_tool")])
def test_without_answers_it_is_said_why(tmp_path: Path, monkeypatch, found: str | None, status: str) -> None:
    monkeypatch.setattr("dashmon_agent.smart.shutil.which", lambda *_, **__: found)

    assert smart(tmp_path / "nothing") == smart(tmp_path) == {"status": status, "devices": []}
    assert report_with(smart=smart(tmp_path)).values["smart.failed"] == 0


def test_the_script_of_root_asks_whole_drives_and_forgets_those_that_are_gone(tmp_path: Path) -> None:
    script = (Path(__file__).parents[2] / "apps/api/dash/scripts/linux.sh").read_text()
    body = script.split("<<'SMART'\n")[1].split("\nSMART\n")[0]
    put(tmp_path, smart=body, tools__smartctl='#!/bin/sh\necho "{\\"asked\\":\\"$*\\"}"\nexit 4\n')
    (tmp_path / "tools/smartctl").chmod(0o755)
    for name in ("sda", "nvme0n1", "loop0", "md0", "dm-1", "sr0", "zram0"):
        (tmp_path / "block" / name).mkdir(parents=True)
    cache = put(tmp_path / "cache", **{"sdz.json": "{}"})
    environment = {"PATH": f"{tmp_path}/tools:/usr/bin:/bin"}

    def ask() -> list[str]:
        command = ["sh", "-eu", str(tmp_path / "smart"), str(cache), str(tmp_path / "block")]
        subprocess.run(command, check=True, env=environment, timeout=30)
        return sorted(path.name for path in cache.iterdir())

    assert ask() == ["nvme0n1.json", "sda.json"]
    assert json.loads((cache / "sda.json").read_text()) == {"asked": "--json --all --nocheck=standby /dev/sda"}
    assert (cache / "sda.json").stat().st_mode & 0o777 == 0o640
    environment["PATH"] = f"{tmp_path}/none:/usr/bin:/bin"
    assert ask() == []


# --- Sockets and disks ------------------------------------------------------------------------------------


def test_sockets_are_counted_by_the_kernel(tmp_path: Path) -> None:
    tcp = "sockets: used 130\nTCP: inuse 104 orphan 0 tw 130170 alloc 107 mem 90\nUDP: inuse 3 mem 0\n"
    put(tmp_path, net__sockstat=tcp, net__sockstat6="TCP6: inuse 2\nUDP6: inuse 1\n")

    assert metrics.connections(tmp_path) == {"tcp_count": 130276, "udp_count": 4}
    assert metrics.connections(tmp_path / "nothing") == {"tcp_count": 0, "udp_count": 0}


@pytest.mark.parametrize(
    ("device", "primary"),
    [("/dev/sdb2", "sdb"), ("/dev/md0", "sdb"), ("/dev/mapper/vg-root", "sda"), ("/dev/sdb", "sdb"), ("/dev/x", "sda")],
)
def test_the_disk_below_the_root_is_the_primary(tmp_path: Path, monkeypatch, device: str, primary: str) -> None:
    for disk, parts in {"sda": ["sda1"], "sdb": ["sdb1", "sdb2"], "sdc": ["sdc1"]}.items():
        for part in parts:
            (tmp_path / "devices" / disk / part).mkdir(parents=True)
            (tmp_path / "class/block").mkdir(parents=True, exist_ok=True)
            (tmp_path / "class/block" / part).symlink_to(tmp_path / "devices" / disk / part)
    for array, part in {"md0": "sdb1", "vg-root": "sda1"}.items():
        (tmp_path / "class/block" / array / "slaves" / part).mkdir(parents=True)
    monkeypatch.setattr(disks, "SYS", tmp_path)

    told = disks.with_roles([{"name": name} for name in ("sda", "sdb", "sdc")], [{"device": device, "mountpoint": "/"}])

    assert [each["role"] for each in told] == ["primary", "secondary", "secondary"]
    assert told[0]["name"] == primary


def test_a_machine_without_a_disk_has_none() -> None:
    assert disks.with_volumes([], [], []) == []


def test_what_file_systems_are_on_is_counted_under_their_paths(tmp_path: Path, monkeypatch) -> None:
    lines = ["8 0 sda", "8 1 sda1", "8 2 sda2", "253 0 dm-0", "7 0 loop0"]
    counts = "10 0 2000 5 20 0 4000 8 0 9 13 0 0 0 0 0 0"
    put(tmp_path, proc__diskstats="".join(f"{line} {counts}\n" for line in lines), **{"dev__sda1": "", "dev__dm-0": ""})
    (tmp_path / "sys/block/sda").mkdir(parents=True)
    (tmp_path / "dev/mapper").mkdir()
    (tmp_path / "dev/mapper/vg-home").symlink_to(tmp_path / "dev/dm-0")
    monkeypatch.setattr(disks, "PROC", tmp_path / "proc")
    monkeypatch.setattr(disks, "SYS", tmp_path / "sys")
    mounted = [
        {"device": str(tmp_path / "dev/sda1"), "mountpoint": "/"},
        {"device": str(tmp_path / "dev/mapper/vg-home"), "mountpoint": "/home"},
        {"device": str(tmp_path / "dev/gone"), "mountpoint": "/gone"},
    ]

    whole, volumes = disks.disk_counters(), disks.volume_counters(mounted)
    before = {device: [0] * 17 for device in volumes}
    told = disks.with_volumes(disks.activity(whole, {}, 2), disks.activity(volumes, before, 2), mounted)

    # One that nobody is below is the first, and whole disks alone are summed up.
    assert [(each["kind"], each["ref"], each["role"]) for each in told] == [
        ("physical", "sda", "primary"),
        ("logical", "/home", "secondary"),
        ("logical", "/", "secondary"),
    ]
    assert len({each["name"] for each in told}) == 3
    assert (told[1]["read_rate_bytes_per_sec"], told[1]["write_iops"]) == (1000 * 512, 10)
