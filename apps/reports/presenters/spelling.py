"""Numbers of reports in words: shares are cut, never rounded up; what was not measured is a dash."""

from datetime import datetime
from zoneinfo import ZoneInfo

from apps.notifications.messages import lasting
from apps.reports.periods import Period
from apps.reports.sla import Verdict, spell_target

NOTHING = "—"


def cut_percent(part: int, whole: int, decimals: int) -> str:
    """A share in percent with so many decimals, cut: 99.9999 with two is 99.99."""
    scale = 10**decimals
    units = part * 100 * scale // whole
    return f"{units // scale}.{units % scale:0{decimals}d}"


def share(fraction: tuple[int, int] | None) -> str:
    """`99.931 %`, or `100 %` for nothing but the whole."""
    if fraction is None:
        return NOTHING
    return "100 %" if fraction[0] == fraction[1] else f"{cut_percent(*fraction, 3)} %"


def millis(us: float | None) -> str:
    """Microseconds as `212 ms`; `0.4 ms` below one."""
    if us is None:
        return NOTHING
    return f"{us / 1000:.1f} ms" if us < 1000 else f"{us / 1000:.0f} ms"


def span(ms: float | None) -> str:
    """Milliseconds as `2 d 3 h`; `0 s` for none."""
    return NOTHING if ms is None else lasting(int(ms) // 1000)


def verdict_word(verdict: Verdict) -> str:
    """Whether the target was met."""
    return {True: "Met", False: "Missed", None: "Not measured"}[verdict.met]


def budget_left(verdict: Verdict) -> str:
    """What remains of the error budget, or by how much it is overspent."""
    if verdict.met is None:
        return NOTHING
    return span(verdict.left_ms) if verdict.left_ms >= 0 else f"over by {span(-verdict.left_ms)}"


def target(value: int) -> str:
    return f"{spell_target(value)} %"


def day(moment: datetime, zone: ZoneInfo) -> str:
    """`4 May 2026`, in the zone."""
    return f"{moment.astimezone(zone):%-d %B %Y}"


def period_words(period: Period) -> str:
    """`1 March 2026 to 31 March 2026`; one day alone is said once; hours appear where days are cut."""
    begin, end = period.start.astimezone(period.zone), period.end.astimezone(period.zone)
    if (begin.hour, begin.minute, end.hour, end.minute) != (0, 0, 0, 0):
        return f"{begin:%-d %B %Y, %H:%M} to {end:%-d %B %Y, %H:%M}"
    first, last = period.first_day, period.last_day
    return f"{first:%-d %B %Y}" if first == last else f"{first:%-d %B %Y} to {last:%-d %B %Y}"
