import json
import logging
import re
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from django.test import Client

from dashmon import logs

ANSI = re.compile(r"\x1b\[[0-9;]*m")


@pytest.fixture(autouse=True)
def _kept_handlers() -> object:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_a_line_is_one_json_object_with_the_request_id(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    with structlog.contextvars.bound_contextvars(request_id="req_0123456789"):
        logging.getLogger("apps.checks").warning("late by %d s", 3)
        structlog.get_logger("apps.pipeline").info("stored", rows=2)

    first, second = (json.loads(line) for line in capsys.readouterr().err.splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("late by 3 s", "warning", "apps.checks")
    assert (second["event"], second["rows"]) == ("stored", 2)
    assert first["request_id"] == second["request_id"] == "req_0123456789"
    assert first["timestamp"].endswith("Z")


def test_an_exception_is_told_on_the_same_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    try:
        int("broken")
    except ValueError:
        logging.getLogger("apps").exception("a step failed")

    (line,) = capsys.readouterr().err.splitlines()
    assert "ValueError: invalid literal" in json.loads(line)["exception"]


def test_what_is_below_the_level_is_not_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(level=logging.WARNING)
    logging.getLogger("apps").info("chatter")

    assert capsys.readouterr().err == ""


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_what_is_handed_over_beside_the_sentence_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    logging.getLogger("apps.checks.pump").warning("a batch %s", "lost its lease", extra={"batch": 17})

    (line,) = lines(capsys)
    assert (line["event"], line["batch"]) == ("a batch lost its lease", 17)


@pytest.mark.parametrize(
    ("form", "terminal", "is_json"),
    [
        ("auto", True, False),
        ("auto", False, True),
        ("json", True, True),
        ("text", False, False),
    ],
)
def test_people_get_lines_and_machines_json(form, terminal, is_json, settings, monkeypatch) -> None:
    settings.LOG_FORMAT = form
    monkeypatch.setattr(logs.sys, "stderr", SimpleNamespace(isatty=lambda: terminal))

    assert logs.as_json() is is_json


@pytest.mark.parametrize(("form", "first"), [("json", "{"), ("text", "2")])
def test_the_form_that_is_set_is_written(form, first, settings, capsys) -> None:
    settings.LOG_FORMAT = form
    logs.configure()

    logging.getLogger("apps").warning("hello")

    said = capsys.readouterr().err
    assert "hello" in said
    assert ANSI.sub("", said).startswith(first)


SECRET = "dontTellAnybody_7f3aXq"


@pytest.mark.parametrize(
    "text",
    [
        f"/api/x?token={SECRET}",
        f"/app/?next=%2F&access_token={SECRET}&page=2",
        f"GET /api/incoming/heartbeat/{SECRET}?exit=1",
        f"/ping/{SECRET}/start",
        f"/first-run/{SECRET}",
        f"/invitations/{SECRET}",
        f"/accounts/password/reset/key/{SECRET}/",
        f"Authorization: Bearer {SECRET}",
        f"{{'HTTP_AUTHORIZATION': 'Bearer {SECRET}', 'x': 1}}",
        f'{{"authorization": "Bearer {SECRET}"}}',
        f"Cookie: dashmon_session={SECRET}; theme=dark",
        f"dm_live_{SECRET}",
        f"spt_{SECRET} was shown",
        f"postgres://dashmon:{SECRET}@db:5432/x",
        f"password={SECRET}",
        f"client_secret: {SECRET}",
        f"X-Status-Token: {SECRET}",
        f"/oauth/callback?code={SECRET}&state=1",
    ],
)
def test_no_secret_is_written_wherever_it_stands(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    logging.getLogger("apps").warning(text)
    logging.getLogger("apps").warning("asked", extra={"address": text, "headers": {"x": [text]}})
    structlog.get_logger("apps").info("asked", what=(text,), error=ValueError(text))
    logging.getLogger("apps").error("failed", exc_info=ValueError(text))

    said = capsys.readouterr().err
    assert said.count(logs.HIDDEN) >= 5
    assert SECRET not in said


@pytest.mark.parametrize(
    "name", ["token", "api_key", "X-Api-Key", "client_secret", "password", "Authorization", "Cookie"]
)
def test_a_value_whose_name_says_secret_is_never_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()

    structlog.get_logger("apps").info("asked", **{name: SECRET}, deep={"more": {name: SECRET}})

    (line,) = lines(capsys)
    assert (line[name], line["deep"]["more"][name]) == (logs.HIDDEN, logs.HIDDEN)


@pytest.mark.parametrize(
    "text",
    [
        "late by 3 s",
        "/api/projects/berlin/devices?limit=50",
        "status code: 503",
        "exit code=1",
        "https://shop.example:8443/a?b=c",
        "a batch lost its lease",
    ],
)
def test_what_is_no_secret_is_written_as_it_is(text: str) -> None:
    assert logs.masked(text) == text


@pytest.mark.django_db
def test_requests_with_secrets_in_every_place_leave_none_in_the_log(capsys, monkeypatch) -> None:
    logs.configure(level=logging.DEBUG)
    client = Client(raise_request_exception=False)
    shown = {
        "Authorization": f"Bearer dm_live_{SECRET}",
        "X-Status-Token": SECRET,
        "Cookie": f"dashmon_session={SECRET}",
    }
    paths = (
        f"/api/me?token={SECRET}",
        f"/nothing-here?token={SECRET}",
        f"/api/nowhere?access_token={SECRET}",
        f"/api/incoming/heartbeat/{SECRET}",
        f"/ping/{SECRET}",
        f"/first-run/{SECRET}",
        f"/invitations/{SECRET}",
        f"/status/acme?token={SECRET}",
        f"/api/public/status-pages/acme?token={SECRET}",
    )

    for path in paths:
        client.get(path, headers=shown)
        client.post(path, {"password": SECRET}, content_type="application/json", headers=shown)

    def broken(*_: object) -> None:
        raise RuntimeError(f"no answer to token={SECRET}")

    monkeypatch.setattr("apps.api.dashmon.views.meta.schedule_lag", broken)
    assert client.get(f"/api/health?token={SECRET}", headers=shown).status_code == 500

    said = capsys.readouterr().err
    assert "no answer to" in said
    assert SECRET not in said
