import json
import logging

import pytest
import structlog

from dashmon import logs


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
