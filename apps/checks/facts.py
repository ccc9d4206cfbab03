"""Finished checks as the facts the pipeline takes in."""

from datetime import datetime, timedelta
from typing import Any

from apps.checks.types import CheckResult
from apps.common.clock import from_epoch_ms
from apps.devices.state import CODE, Outcome
from apps.metrics.types import PlainResult
from apps.pipeline.types import DeviceFact

DAY = timedelta(days=1)
UP = CODE["up"]
NOT_MEASURED = {"reason": "not_measured"}
Values = dict[str, int | float | None]


def fact_of(
    *, workspace_id: int, device_id: int, at: datetime, interval_ms: int, run_ms: int, result: CheckResult
) -> DeviceFact:
    """One finished check. `at` is its slot, `interval_ms` the interval in force, `run_ms` how long it took."""
    certificate = result.certificate
    return DeviceFact(
        workspace_id=workspace_id,
        device_id=device_id,
        at=at,
        outcome=outcome_of(result, at=at),
        values=_values(result, interval_ms=interval_ms, run_ms=run_ms),
        detail=result.detail if result.measured else {**NOT_MEASURED, **result.detail},
        certificate_expires_at=certificate.not_after if certificate else None,
        certificate_issuer=certificate.issuer if certificate else "",
        domain_expires_at=result.domain_expires_at,
    )


def plain_of(
    *, workspace_id: int, device_id: int, slot_ms: int, interval_ms: int, run_ms: int, result: CheckResult
) -> PlainResult | None:
    """The same of a success with nothing to say beside its numbers, as nearly all of them are; None of any other."""
    latency_us = result.latency_us
    if result.status != "up" or latency_us is None or not result.measured or result.detail:
        return None
    if result.certificate is not None or result.domain_expires_at is not None:
        return None
    values = {"state": UP, "latency_us": latency_us, "run_ms": run_ms, "interval_ms": interval_ms}
    _add_times(values, result)
    return PlainResult(workspace_id, device_id, slot_ms, values)


def missed(*, workspace_id: int, device_id: int, slot_ms: int, interval_ms: int, count: int = 1) -> DeviceFact:
    """`count` slots in a row, `interval_ms` apart from `slot_ms` on, that were never run (contract Dashmon 6)."""
    return DeviceFact(
        workspace_id=workspace_id,
        device_id=device_id,
        at=from_epoch_ms(slot_ms),
        outcome=None,
        values={"interval_ms": interval_ms, "missed": count},
        detail=NOT_MEASURED,
    )


def outcome_of(result: CheckResult, *, at: datetime) -> Outcome:
    """What the result says about the device's state."""
    if result.status == "up":
        return Outcome(at, "up", measured=result.measured)
    return Outcome(
        at=at,
        status=result.status,
        cause=_cause(result)[:32],
        cause_text=result.message[:500],
        severity=result.severity,
        measured=result.measured,
    )


def _cause(result: CheckResult) -> str:
    """The finer reason, else the coarse error, else that it was slow (contract Dashmon 6.1)."""
    detail = result.detail
    word = detail.get("reason") or detail.get("error") or ("degraded" if result.status == "warning" else "down")
    return str(word)


def _values(result: CheckResult, *, interval_ms: int, run_ms: int) -> Values:
    values: Values = {"latency_us": result.latency_us, "run_ms": run_ms, "interval_ms": interval_ms}
    _add_times(values, result)
    if result.certificate is not None:
        values["cert.days"] = _days(result.certificate.not_after, result.started_at)
    if result.domain_expires_at is not None:
        values["domain.days"] = _days(result.domain_expires_at, result.started_at)
    return values


def _add_times(values: dict[str, Any], result: CheckResult) -> None:
    # The phases are called as their columns are; written out, because this runs for every check there is.
    dns_us, connect_us, tls_us, ttfb_us, total_us = result.phases
    if dns_us is not None:
        values["dns_us"] = dns_us
    if connect_us is not None:
        values["connect_us"] = connect_us
    if tls_us is not None:
        values["tls_us"] = tls_us
    if ttfb_us is not None:
        values["ttfb_us"] = ttfb_us
    if total_us is not None:
        values["total_us"] = total_us
    if result.status_code is not None:
        values["http.status"] = result.status_code
    if result.ttl_s is not None:
        values["dns.ttl_s"] = result.ttl_s


def _days(end: datetime, now: datetime) -> int:
    """Whole days left, rounded down: an hour after the end is -1."""
    return (end - now) // DAY


def draft_answer(result: CheckResult) -> dict[str, Any]:
    """What the asker of a draft check gets to see: nothing of it is stored anywhere else."""
    phases = result.phases
    return {
        "status": result.status if result.measured else "unknown",
        "latency_us": result.latency_us,
        "status_code": result.status_code,
        "message": result.message,
        "detail": dict(result.detail),
        "phases": {
            "dns_us": phases.dns_us,
            "connect_us": phases.connect_us,
            "tls_us": phases.tls_us,
            "ttfb_us": phases.ttfb_us,
            "total_us": phases.total_us,
        },
    }
