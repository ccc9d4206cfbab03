import csv
import io
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from apps.reports.presenters.sheet import FORMULA, LONG, SHORT, long_csv, plain, short_csv
from tests.apps.reports.test_report import named

NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1, max_size=20)
HOSTILE = st.sampled_from(["=1", "+1", "-1", "@x", "\tx", "\rx", 'a"b', "a,b", "a\nb"])
NOW = datetime.fromisoformat("2026-03-02T10:00:00+00:00")


@settings(deadline=None)
@given(
    names=st.lists(
        NAMES | st.sampled_from(["=1", "+1", "-1", "@x", "\tx", "\rx", 'a"b', "a,b", "a\nb"]), min_size=1, max_size=4
    )
)
def test_every_name_comes_back_and_no_cell_is_a_formula(names: list[str]) -> None:
    for text in (short_csv(named(*names, now=NOW)), long_csv(named(*names, now=NOW))):
        rows = list(csv.reader(io.StringIO(text, newline="")))

        assert [row[3] for row in rows[1:]] == [plain(name) for name in names]
        assert [row[3].removeprefix("'") for row in rows[1:]] == [name.removeprefix("'") for name in names]
        # Numbers below zero are numbers; words never begin like a formula.
        assert not any(cell.startswith(FORMULA) for row in rows for cell in row[:7])
        assert {len(row) for row in rows} == {len(rows[0])}


def test_the_long_form_carries_the_agreement(now: datetime) -> None:
    first, second = csv.DictReader(io.StringIO(long_csv(named("Till 1", "Till 2", now=now))))

    assert tuple(first) == LONG
    assert LONG[: len(SHORT)] == SHORT
    assert (first["uptime_time_pct"], first["uptime_pct"], first["samples"]) == ("99.000", "99.00", "400")
    assert (first["down_seconds"], first["mttr_seconds"], first["incidents"]) == ("3600", "1800", "2")
    assert (first["sla_target_pct"], first["sla"]) == ("99.9", "missed")
    assert (first["error_budget_seconds"], first["error_budget_left_seconds"]) == ("360", "-3240")
    assert (second["sla"], second["uptime_time_pct"], second["p95_ms"]) == ("not measured", "", "")
