from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from dashmon import environment
from tests.together import at_once


def test_a_value_comes_from_the_variable_else_the_file_else_the_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(" from the file \n", encoding="utf-8")

    assert environment.text("DASHMON_TEST", "default") == "default"
    monkeypatch.setenv("DASHMON_TEST_FILE", str(secret))
    assert environment.text("DASHMON_TEST", "default") == "from the file"
    monkeypatch.setenv("DASHMON_TEST", "given")
    assert environment.text("DASHMON_TEST", "default") == "given"


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHMON_TEST", " ")

    assert environment.text("DASHMON_TEST", "8000") == "8000"
    assert environment.flag("DASHMON_TEST", default=True)
    assert environment.words("DASHMON_TEST", "a,b") == ["a", "b"]


def test_a_secret_file_that_is_missing_stops_the_start(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DASHMON_TEST_FILE", str(tmp_path / "nothing"))

    with pytest.raises(FileNotFoundError):
        environment.text("DASHMON_TEST")


@pytest.mark.parametrize(("value", "said"), [("on", True), ("TRUE", True), ("1", True), ("off", False), ("0", False)])
def test_a_flag_says_yes_or_no(monkeypatch: pytest.MonkeyPatch, value: str, said: bool) -> None:
    monkeypatch.setenv("DASHMON_TEST", value)

    assert environment.flag("DASHMON_TEST", default=not said) is said


def test_a_list_is_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHMON_TEST", " 10.0.0.0/8, ,127.0.0.1 ,")

    assert environment.words("DASHMON_TEST") == ["10.0.0.0/8", "127.0.0.1"]
    assert environment.words("DASHMON_OTHER_TEST") == []


def test_a_slip_of_the_pen_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    options = frozenset({"self_hosted", "saas"})
    monkeypatch.setenv("DASHMON_TEST", "SaaS")
    assert environment.choice("DASHMON_TEST", "self_hosted", options) == "saas"

    monkeypatch.setenv("DASHMON_TEST", "sass")
    with pytest.raises(ImproperlyConfigured, match="DASHMON_TEST is 'sass'; it must be one of saas, self_hosted"):
        environment.choice("DASHMON_TEST", "self_hosted", options)


def test_a_kept_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "secret-key"

    secret = environment.kept_secret(path)

    assert len(secret) == 64
    assert environment.kept_secret(path) == secret
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(path.parent.iterdir()) == [path]


def test_processes_that_start_at_once_agree_on_the_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret-key"

    secrets = at_once(*[lambda: environment.kept_secret(path)] * 8)

    assert set(secrets) == {path.read_text(encoding="ascii")}
    assert list(tmp_path.iterdir()) == [path]


def test_ports_of_front_ends_are_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHMON_TEST", "dash=8101, dash=8102")

    assert environment.face_ports("DASHMON_TEST", frozenset({"dash"})) == {8101: "dash", 8102: "dash"}
    assert environment.face_ports("DASHMON_UNSET", frozenset({"dash"})) == {}


@pytest.mark.parametrize("value", ["8101", "dash", "dash=", "shop=8101", "dash=0", "dash=65536", "dash=1,dash=1"])
def test_a_port_of_a_front_end_that_cannot_be_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DASHMON_TEST", value)

    with pytest.raises(ImproperlyConfigured, match="DASHMON_TEST"):
        environment.face_ports("DASHMON_TEST", frozenset({"dash"}))
