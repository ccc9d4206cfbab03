"""Each look of the doctor at something sound and at something broken."""

import ipaddress
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.db import OperationalError, connection
from redis.exceptions import ConnectionError as RedisGone

from apps.common.clock import epoch_ms
from apps.common.egress.guard import Guard, own_services
from apps.operations.doctor import network, stores
from apps.operations.doctor.findings import Finding, fine, problem, warning
from apps.operations.doctor.machine import LEAST_FREE, LITTLE_FREE, look_at_folder, look_at_keys, look_at_room
from apps.operations.doctor.network import judge_guard, look_at_address, look_at_egress, look_at_mail
from apps.operations.doctor.stores import (
    LATE_TICK,
    answers,
    look_at_background,
    look_at_clocks,
    look_at_database,
    look_at_journal,
    look_at_redis,
)
from apps.operations.models import ProcessReport
from apps.operations.processes import SILENT
from tests.sinks.smtp import SmtpSink

SECOND = timedelta(seconds=1)
LONG_KEY = "k" * 40


def levels(found: list[Finding]) -> list[tuple[str, str]]:
    return [(one.subject, one.level) for one in found]


def ill(found: list[Finding]) -> list[str]:
    """What is not as it should be; whoever says so says what to do."""
    bad = [one for one in found if one.level != "ok"]
    assert all(one.cure for one in bad)
    return [one.level for one in bad]


# --- The machine -----------------------------------------------------------------------------------


def test_a_folder_that_can_be_written_is_fine_and_left_as_it_was(tmp_path: Path) -> None:
    assert ill(look_at_folder(tmp_path)[:1]) == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_or_full_is_a_problem(tmp_path: Path, monkeypatch) -> None:
    def full(**_: Any) -> None:
        raise OSError(28, "No space left on device")

    assert ill(look_at_folder(tmp_path / "nowhere")) == ["problem"]
    monkeypatch.setattr("apps.operations.doctor.machine.tempfile.TemporaryFile", full)
    found = look_at_folder(tmp_path)
    assert ill(found) == ["problem"]
    assert "No space left on device" in found[0].said


@pytest.mark.parametrize(
    ("free", "level"),
    [(LITTLE_FREE, "ok"), (LITTLE_FREE - 1, "warning"), (LEAST_FREE, "warning"), (LEAST_FREE - 1, "problem")],
)
def test_room_on_the_disk(free: int, level: str) -> None:
    assert look_at_room(free).level == level


@pytest.mark.parametrize(("mode", "expected"), [(0o600, []), (0o640, ["problem"]), (0o604, ["problem"])])
def test_the_key_file_is_its_owners_alone(tmp_path: Path, mode: int, expected: list[str]) -> None:
    key = tmp_path / "secret-key"
    key.write_text(LONG_KEY)
    key.chmod(mode)

    found = look_at_keys(tmp_path, LONG_KEY)

    assert ill(found) == expected
    assert not any(LONG_KEY in one.said for one in found)


def test_a_key_from_the_environment_needs_no_file_and_must_be_long(tmp_path: Path) -> None:
    assert ill(look_at_keys(tmp_path, LONG_KEY)) == []
    assert ill(look_at_keys(tmp_path, "short")) == ["problem"]


# --- Database and Redis -----------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_sound_database_answers_and_is_up_to_date() -> None:
    third = "clock" if connection.vendor == "postgresql" else "journal"

    found = look_at_database()

    assert [one.subject for one in found] == ["database", "migrations", third]
    assert levels(found)[:2] == [("database", "ok"), ("migrations", "ok")]
    assert answers(found)


@pytest.mark.django_db
def test_a_database_that_does_not_answer_is_a_problem(monkeypatch) -> None:
    def gone() -> str:
        raise OperationalError("connection refused\nIs the server running?")

    monkeypatch.setattr(stores, "database_version", gone)
    found = look_at_database()

    assert ill(found) == ["problem"]
    assert found[0].said == "The database does not answer: connection refused"
    assert not answers(found)


@pytest.mark.django_db
def test_tables_of_an_older_release_are_a_problem(monkeypatch) -> None:
    monkeypatch.setattr(stores, "is_behind", lambda: True)

    found = look_at_database()

    assert ("migrations", "problem") in levels(found)
    assert not answers(found)


@pytest.mark.parametrize(("mode", "level"), [("wal", "ok"), ("delete", "problem"), ("memory", "problem")])
def test_sqlite_writes_ahead(mode: str, level: str) -> None:
    assert look_at_journal(mode).level == level


@pytest.mark.parametrize(
    ("skew_s", "level"), [(0, "ok"), (2, "ok"), (-3, "warning"), (30, "warning"), (-31, "problem")]
)
def test_clocks_agree(now, skew_s: int, level: str) -> None:
    assert look_at_clocks(ours=now, theirs=now + skew_s * SECOND).level == level


def test_redis_is_asked_only_where_it_is_set(monkeypatch) -> None:
    class Client:
        def __init__(self, fault: Exception | None) -> None:
            self.fault = fault

        def __enter__(self) -> "Client":
            return self

        def __exit__(self, *_: Any) -> None:
            pass

        def ping(self) -> bool:
            if self.fault is not None:
                raise self.fault
            return True

    faults: list[Exception | None] = [None, RedisGone("refused")]
    monkeypatch.setattr(stores, "Redis", SimpleNamespace(from_url=lambda *_, **__: Client(faults.pop(0))))

    assert ill(look_at_redis("")) == []
    assert len(faults) == 2
    assert ill(look_at_redis("redis://one")) == []
    assert ill(look_at_redis("redis://one")) == ["problem"]


def test_a_redis_that_nobody_runs_is_a_problem() -> None:
    assert ill(look_at_redis("redis://127.0.0.1:1/0")) == ["problem"]
    assert ill(look_at_redis("nonsense")) == ["problem"]


# --- Who works ------------------------------------------------------------------------------------------


def runs(kind: str, now: Any, *, ticked_s: int | None = None, seen_s: int = 0) -> None:
    marks = {} if ticked_s is None else {"schedule": epoch_ms(now - ticked_s * SECOND)}
    ProcessReport.objects.create(
        id=uuid4(),
        kind=kind,
        host="one",
        pid=1,
        version="1",
        started_at=now,
        seen_at=now - seen_s * SECOND,
        marks=marks,
    )


@pytest.mark.django_db
def test_an_installation_that_is_not_started_is_only_warned_of(now) -> None:
    assert ill(look_at_background(now, with_workers=False)) == ["warning"]
    runs("server", now, ticked_s=1, seen_s=SILENT // SECOND + 1)
    runs("ended", now, ticked_s=1)
    assert ill(look_at_background(now, with_workers=False)) == ["warning"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("ticked_s", "expected"),
    [(1, []), (LATE_TICK // SECOND, []), (LATE_TICK // SECOND + 1, ["problem"]), (None, ["problem"])],
)
def test_a_schedule_that_stands_still_is_a_problem(now, ticked_s: int | None, expected: list[str]) -> None:
    runs("server", now, ticked_s=ticked_s)

    assert ill(look_at_background(now, with_workers=False)) == expected


@pytest.mark.django_db
def test_with_redis_workers_and_a_beat_must_have_been_seen(now) -> None:
    runs("server", now, ticked_s=1)
    assert levels(look_at_background(now, with_workers=True)) == [
        ("workers", "problem"),
        ("beat", "problem"),
        ("background", "ok"),
    ]
    runs("worker", now)
    runs("beat", now)
    assert levels(look_at_background(now, with_workers=True)) == [("workers", "ok"), ("background", "ok")]


# --- The network ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "listens_on", "profile", "expected"),
    [
        ("", "127.0.0.1", "self_hosted", []),
        ("", "0.0.0.0", "self_hosted", ["warning"]),
        ("", "127.0.0.1", "saas", ["warning"]),
        ("https://watch.example.com", "0.0.0.0", "saas", []),
        ("https://watch.example.com:8443", "127.0.0.1", "self_hosted", []),
        ("http://watch.example.com", "0.0.0.0", "self_hosted", ["warning"]),
        ("http://192.168.1.4:8000", "0.0.0.0", "self_hosted", []),
        ("http://dashmon.lan", "0.0.0.0", "self_hosted", []),
        ("http://203.0.114.9", "0.0.0.0", "self_hosted", ["warning"]),
        ("ftp://watch.example.com", "0.0.0.0", "self_hosted", ["problem"]),
        ("watch.example.com", "0.0.0.0", "self_hosted", ["problem"]),
        ("https://watch.example.com/dashmon", "0.0.0.0", "self_hosted", ["problem"]),
    ],
)
def test_the_address_people_use(url: str, listens_on: str, profile: str, expected: list[str]) -> None:
    assert ill(look_at_address(url, listens_on=listens_on, profile=profile)) == expected


def guard(
    settings: Any, profile: str = "self_hosted", allow: list[str] | None = None, deny: tuple[str, ...] = ()
) -> Guard:
    return Guard.build(profile=profile, allow=allow, deny=deny, services=own_services(settings))


@pytest.mark.parametrize(
    ("profile", "allow", "deny", "expected"),
    [
        ("self_hosted", None, (), []),
        ("saas", None, (), []),
        ("saas", ["10.0.0.0/8"], (), ["warning"]),
        ("self_hosted", ["169.254.169.254/32"], (), ["warning"]),
        ("self_hosted", None, ("9.0.0.0/8",), ["warning"]),
    ],
)
def test_the_guard_rules_as_it_should(settings: Any, profile: str, allow: Any, deny: Any, expected: list[str]) -> None:
    assert ill(judge_guard(guard(settings, profile, allow, deny), port=settings.PORT, profile=profile)) == expected


def test_a_guard_that_forgot_this_server_is_a_problem(settings: Any) -> None:
    open_guard = Guard.build(profile="self_hosted", allow=None, deny=(), services=())

    assert ill(judge_guard(open_guard, port=settings.PORT, profile="self_hosted")) == ["problem"]
    assert ipaddress.ip_address("127.0.0.1") == network.LOOPBACK


def test_a_slip_in_the_lists_is_a_problem(settings: Any) -> None:
    settings.EGRESS_DENY = ["10.0.0.0/99"]

    assert ill(look_at_egress(port=settings.PORT, profile="self_hosted")) == ["problem"]


def test_without_mail_settings_mails_go_nowhere() -> None:
    assert ill(look_at_mail("", sender="dashmon@example.com")) == ["warning"]


def test_a_mail_server_is_connected_and_gets_a_mail_only_when_asked(smtp_sink: SmtpSink) -> None:
    assert ill(look_at_mail("smtp://set", sender="dashmon@example.com")) == []
    assert smtp_sink.messages == []

    found = look_at_mail("smtp://set", sender="dashmon@example.com", send_to=["ana@example.com"])

    assert (ill(found), found[0].said) == ([], "Sent to ana@example.com.")
    assert [recipient for recipient, _ in smtp_sink.messages] == ["ana@example.com"]


def test_a_mail_server_that_is_not_there_is_a_problem(settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_HOST_PASSWORD = "127.0.0.1", 1, "hunter2"

    found = look_at_mail("smtp://set", sender="dashmon@example.com")

    assert ill(found) == ["problem"]
    assert "hunter2" not in found[0].said


def test_a_finding_says_its_level() -> None:
    assert [one.level for one in (fine("a", "b"), warning("a", "b"), problem("a", "b"))] == ["ok", "warning", "problem"]
    assert problem("disk", "full", "make room").as_dict() == {
        "subject": "disk",
        "level": "problem",
        "said": "full",
        "cure": "make room",
    }
