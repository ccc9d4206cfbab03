"""Every vector file in the tree, case by case, through the product's own rules."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.replay.__main__ import cases_of, main, needs_database, replays

FOLDER = Path(__file__).parent.parent / "vectors"
FILES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.json"))}
CASES = [
    pytest.param(
        stem,
        case,
        id=f"{stem}-{case.get('id', index)}",
        marks=[pytest.mark.django_db] if needs_database(stem) else [],
    )
    for stem, document in FILES.items()
    for index, case in enumerate(cases_of(stem, document))
]


@pytest.mark.parametrize(("stem", "case"), CASES)
def test_the_rule_says_what_the_vector_expects(stem: str, case: dict[str, Any]) -> None:
    replays()[stem](FILES[stem], case)


def test_every_vector_file_has_a_replay() -> None:
    assert set(FILES) <= set(replays())


def test_an_unknown_file_is_an_error_and_nothing_is_replayed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "dashmon_cron.json").write_text(json.dumps(FILES["dashmon_cron"]))
    (tmp_path / "dashmon_tides.json").write_text('{"cases": []}')

    assert main([str(tmp_path)]) == 2

    assert capsys.readouterr().out == "dashmon_tides.json: unknown vector file\n"


def test_a_difference_is_a_failure_with_the_case_and_both_sides(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = {
        "cases": [
            {
                "id": "noon",
                "schedule": "0 12 * * *",
                "timezone": "UTC",
                "after": "2026-01-01T00:00:00.000Z",
                "expect": {"next": ["2026-01-01T13:00:00.000Z"]},
            },
            {"id": "broken"},
        ]
    }
    (tmp_path / "dashmon_cron.json").write_text(json.dumps(document))

    assert main([str(tmp_path)]) == 1

    said = capsys.readouterr().out.splitlines()
    assert said[0] == "dashmon_cron: 0 passed, 2 failed"
    assert "noon" in said[1]
    assert "2026-01-01T12:00:00.000Z" in said[1]
    assert "2026-01-01T13:00:00.000Z" in said[1]
    assert "broken: KeyError" in said[2]
    assert said[-1] == "0 passed, 2 failed"


def test_another_folder_of_the_same_shapes_is_replayed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cases = FILES["dashmon_cron"]["cases"][:3]
    (tmp_path / "dashmon_cron.json").write_text(json.dumps({"cases": cases}))

    assert main([str(tmp_path)]) == 0

    assert capsys.readouterr().out == "dashmon_cron: 3 passed, 0 failed\n3 passed, 0 failed\n"


@pytest.mark.parametrize("arguments", [[], ["/no/such/folder"], ["a", "b"]])
def test_without_a_folder_there_is_only_a_usage_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().out == "usage: python -m tests.replay DIR\n"


def test_an_empty_folder_is_no_success(tmp_path: Path) -> None:
    assert main([str(tmp_path)]) == 2
