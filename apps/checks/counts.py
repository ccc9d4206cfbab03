"""What this process has checked, for the operator's figures."""

from collections import Counter
from collections.abc import Iterable

from apps.checks.types import CheckResult
from apps.common import counters


def count_results(results: Iterable[CheckResult]) -> None:
    """Count stored results by what they say."""
    for name, number in Counter(map(_name, results)).items():
        counters.count(name, number)


def _name(result: CheckResult) -> str:
    if result.measured:
        return f"checks_executed/{result.status}"
    # What found no place in time came too late just as what nobody took in time.
    return "checks_not_measured/late" if result.detail.get("error") == "late" else "checks_not_measured/not_run"
