"""Fixed windows: a count for each subject that starts anew with each window."""

from datetime import timedelta

import pytest

from apps.common import limits

LIMIT = limits.Limit("test", 3)


def test_a_window_counts_down_and_starts_anew(now) -> None:
    left = [limits.count(LIMIT, "ana", now=now).remaining for _ in range(3)]
    assert left == [2, 1, 0]

    with pytest.raises(limits.TooManyCallsError) as refused:
        limits.count(LIMIT, "ana", now=now + timedelta(seconds=59, milliseconds=1))

    assert refused.value.retry_after_s == 1
    assert limits.count(LIMIT, "bo", now=now).remaining == 2
    assert limits.count(LIMIT, "ana", now=now + timedelta(seconds=60)).remaining == 2


def test_an_evicted_count_starts_anew(now, monkeypatch) -> None:
    def gone(*_: object) -> int:
        raise ValueError

    monkeypatch.setattr(limits.cache, "incr", gone)

    assert limits.count(LIMIT, "ana", now=now).remaining == 2
