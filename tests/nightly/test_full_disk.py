"""A disk that is full: everybody is told, nothing that was taken is lost or broken, and with room again all goes on.

FULL_DISK_SCREENS names a folder for pictures of the operator's page before, during and after it.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.chaos.events import full, now_ms
from tests.chaos.installation import Embedded, TargetProcess
from tests.chaos.report import compare
from tests.chaos.stores import DATABASE
from tests.nightly.load import Load, OneProcess, Span, shown, well_again
from tests.waiting import eventually

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]
MONITORS, FULL_S, BACK_S, MB = 60, 40, 30.0, 96


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A file system of its own. Not below a folder that only its owner may enter: PostgreSQL runs as somebody else."""
    folder = Path(tempfile.mkdtemp(prefix="dashmon-small-"))
    folder.chmod(0o755)
    command = ["mount", "-t", "tmpfs", "-o", f"size={MB}m,mode=777", "dashmon-small", str(folder)]
    mounted = subprocess.run(command, check=False, capture_output=True, text=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip(f"mounting is not permitted here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)
    folder.rmdir()


@pytest.fixture
def target() -> Iterator[TargetProcess]:
    process = TargetProcess()
    yield process
    process.close()


def picture(load: Load, name: str) -> None:
    """What an operator sees, for people: with a browser, where a folder is named for it."""
    folder = os.environ.get("FULL_DISK_SCREENS")
    if not folder:
        return
    from playwright.sync_api import sync_playwright

    cookie, _, value = load.made["cookie"].partition("=")
    base = f"http://127.0.0.1:{load.house.port}"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 1280, "height": 900}, base_url=base)
        context.add_cookies([{"name": cookie, "value": value, "url": base}])
        page = context.new_page()
        page.goto("/operator/")
        page.screenshot(path=f"{folder}/{name}.png")
        browser.close()


def fill_and_free(load: Load, folder: Path, name: str) -> tuple[Span, dict[str, Any], str]:
    """No room for a while: that time, and what health and the operator's page said towards its end."""
    house = load.house
    assert isinstance(house, Embedded)
    with full(folder, house.process.pid):
        began = time.monotonic()
        time.sleep(FULL_S)
        said, page = house.health() or {}, load.operator_page()
        picture(load, name)
        ended = time.monotonic()
    return (began, ended), said, page


def survives(load: Load, target: TargetProcess, folder: Path, name: str) -> Span:
    """The whole story, but for what is particular to one database."""
    house = load.house
    assert isinstance(house, Embedded)
    house.run("tests.chaos.monitors", str(target.port), str(MONITORS), "1")
    house.start()
    house.wait_until_healthy()
    load.start()
    well_again(load, 60)
    assert house.health()["checks"]["storage"] == {"writable": True}
    start_ms = now_ms()
    span, said, page = fill_and_free(load, folder, name)
    took = well_again(load, BACK_S)
    assert eventually(lambda: house.health()["checks"]["storage"]["writable"], 30)
    assert eventually(lambda: house.health()["status"] == "ok", 60)
    assert "Nothing can be written" not in load.operator_page()
    end_ms = now_ms()
    time.sleep(20)
    load.end()
    house.stop()
    kept, told = load.judge(), house.told()
    for number, monitor in told["monitors"].items():
        monitor["hole"] = number == "0"
    report = compare(told, target.seen()["seen"], (start_ms, end_ms), silent=[])
    print(report.table(f"{name}: {kept} reports and signals kept, well again after {took:.1f} s"), flush=True)
    print(*(f"{who}: {', '.join(map(str, found))}" for who, found in shown(load, span)), sep="\n", flush=True)
    print(json.dumps(said), flush=True)

    assert (said["ok"], said["status"], said["checks"]["storage"]["writable"]) == (True, "degraded", False)
    assert "Nothing can be written" in page
    statuses = Counter(status for _, status in load.asked_in(span))
    assert set(statuses) <= {200, 503}
    assert statuses[503] > 0
    looked = {path: {status for _, status in looks} for path, looks in load.looked_in(span).items()}
    assert set[int]().union(*looked.values()) == {200}, looked
    assert (report.lost, report.doubled, report.invented, report.untrue, report.unasked) == ([], [], [], [], [])
    return span


def test_sqlite_on_a_full_disk(small_disk: Path, target: TargetProcess) -> None:
    data = small_disk / "data"
    data.mkdir()
    house = Embedded(data)
    try:
        span = survives(load := Load(house), target, small_disk, "SQLite, disk full")
    finally:
        house.close()
    with contextlib.closing(sqlite3.connect(data / "dashmon.sqlite3")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    # What is left of the journal is used up within moments; then nothing is taken any more.
    late = [status for _, status in load.asked_in((span[0] + FULL_S / 2, span[1]))]
    assert set(late) == {503}


def test_postgresql_with_a_full_tablespace(small_disk: Path, tmp_path: Path, target: TargetProcess) -> None:
    house = OneProcess(tmp_path / "data")
    try:
        if house.postgres.user:
            shutil.chown(small_disk, house.postgres.user, house.postgres.user)
        with psycopg.connect(house.postgres.admin, autocommit=True) as connection:
            connection.execute(f"CREATE TABLESPACE small LOCATION '{small_disk}'")
            connection.execute(f"ALTER DATABASE {DATABASE} SET TABLESPACE small")
        survives(Load(house), target, small_disk, "PostgreSQL, tablespace full")
        with psycopg.connect(house.postgres.url, autocommit=True) as connection:
            # Every page of every table and index is read.
            connection.execute("CREATE EXTENSION amcheck")
            connection.execute(
                "SELECT bt_index_check(c.oid, true) FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid"
                " JOIN pg_am a ON a.oid = c.relam WHERE a.amname = 'btree' AND c.relpersistence = 'p' AND i.indisvalid"
            )
    finally:
        house.close()
