"""Figures that are computed once in a while."""

from datetime import datetime, timedelta

import pytest

from apps.common.kept import Kept

SECOND = timedelta(seconds=1)


def test_a_value_is_computed_once_until_it_is_too_old(now) -> None:
    asked: list[datetime] = []

    def make(at: datetime) -> int:
        asked.append(at)
        return len(asked)

    kept = Kept(make, ttl=5 * SECOND)

    assert [kept.get(now), kept.get(now + 4 * SECOND), kept.get(now + 5 * SECOND)] == [1, 1, 2]
    # A clock that was set back makes nothing last longer.
    assert kept.get(now) == 3
    kept.forget()
    assert kept.get(now) == 4


def test_a_failure_is_not_kept(now) -> None:
    answers = iter([RuntimeError("gone"), 7])

    def make(_: datetime) -> int:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    kept = Kept(make, ttl=SECOND)

    with pytest.raises(RuntimeError):
        kept.get(now)
    assert kept.get(now) == 7
