"""What this process has checked, for the operator's figures."""

from collections import Counter
from collections.abc import Iterable

from apps.checks.types import CheckResult
from apps.common import counters


def count_results(results: Iterable[CheckResult]) -> None:
    """Count stored results by what they say."""
    for (measured, status), number in Counter((result.measured, result.status) for result in results).items():
        counters.count(f"checks_executed/{status}" if measured else "checks_not_measured/not_run", number)
