"""The time accounting against a simulation that looks at every millisecond."""

from hypothesis import given
from hypothesis import strategies as st

from apps.metrics.uptime import Sample, State, StateTimes, merged_windows, state_times

TS = st.lists(st.integers(0, 60), unique=True, max_size=12).map(sorted)
SPANS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=2)


def simulated(samples: list[Sample], windows: list[tuple[int, int]], start: int, end: int) -> StateTimes:
    spent = [0] * 6
    for at in range(start, end):
        said = [sample for sample in samples if sample.ts_ms <= at][-1:]
        known = said and (not said[0].interval_ms or at < said[0].ts_ms + 3 * said[0].interval_ms)
        inside = any(first <= at < last for first, last in windows)
        spent[State.MAINTENANCE if inside else said[0].state if known else State.UNKNOWN] += 1
    up, warning, down, maintenance = spent[1] + spent[2], spent[2], spent[3], spent[4]
    return StateTimes(up, warning, down, maintenance, end - start - up - down - maintenance)


@given(TS, SPANS, st.integers(0, 40), st.integers(1, 30), st.data())
def test_every_millisecond_is_counted_once(
    ts: list[int], spans: list[tuple[int, int]], start: int, length: int, data: st.DataObject
) -> None:
    steady = data.draw(st.booleans())
    states = st.just(1) if steady else st.integers(0, 3)
    intervals = st.just(4) if steady else st.sampled_from([0, 1, 2, 5])
    samples = [Sample(at, data.draw(states), data.draw(intervals)) for at in ts]
    windows = merged_windows((first, first + size) for first, size in spans)

    times = state_times(samples, windows=windows, start_ms=start, end_ms=start + length)

    assert times == simulated(samples, windows, start, start + length)
