"""The one door: facts come in, results are stored, states move, rules judge, incidents follow. One transaction."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction

from apps.alerts import services as alerts
from apps.alerts.types import Subject
from apps.common.among import Among
from apps.common.values import Observation, Ref
from apps.devices.models import Device, DeviceState
from apps.devices.state import CODE, CONFIRMING, Flip, Snapshot, advance
from apps.metrics import services as metrics
from apps.metrics.types import PlainResult
from apps.pipeline import samples
from apps.pipeline.standings import Standing, lock_standings
from apps.pipeline.states import (
    announce,
    changes_of,
    lock_states,
    sample_of,
    save_states,
    snapshot_of,
    source_of,
    write_snapshot,
)
from apps.pipeline.types import DeviceFact, Submitted, fact_of_plain


@dataclass(slots=True)
class _Batch:
    """What is gathered while facts are applied one after the other."""

    rows: list[Observation] = field(default_factory=list)
    flips: list[tuple[DeviceState, Flip]] = field(default_factory=list)
    changed: dict[int, DeviceState] = field(default_factory=dict)
    # The state after the newest measured fact of each device.
    after: dict[int, Snapshot] = field(default_factory=dict)


@transaction.atomic
def submit(*, observations: Sequence[DeviceFact], now: datetime, plain: Sequence[PlainResult] = ()) -> Submitted:
    """Store up to 500 facts about devices and let everything follow from them, in the caller's transaction.

    Facts of one device are applied in the order of their instants. A fact that came before changes nothing; facts
    about devices that are gone are dropped. Only states that changed are written (design: state on change). `plain` are
    successes that say nothing beside their numbers; what is calm of them goes to the store as it is.
    """
    known, calm, moving = _sorted_out(observations, plain)
    states = lock_states(moving) if moving else {}
    batch = _Batch()
    for fact in sorted(known, key=_instant):
        if fact.device_id in moving:
            _apply(fact, states[fact.device_id], batch)
        else:
            batch.rows.append(_observation(fact, code=CODE["up" if _is_measured(fact) else "unknown"]))
    # Counting flips is a change of the rows as well.
    changes = changes_of(batch.flips) if batch.flips else []
    if batch.changed:
        save_states(batch.changed.values())
    metrics.append(rows=batch.rows, plain=calm, now=now)
    announce(changes, now=now)
    _judge_values([fact for fact in known if _is_measured(fact)], calm, now=now)
    confirming = frozenset(device for device, after in batch.after.items() if after.confirming)
    stored = len(batch.rows) + len(calm)
    return Submitted(stored, tuple(changes), confirming, frozenset(batch.after) - confirming)


def _sorted_out(
    observations: Sequence[DeviceFact], plain: Sequence[PlainResult]
) -> tuple[list[DeviceFact], list[PlainResult], set[int]]:
    """Facts to be applied, plain results to be stored as they are, and the devices whose rows are worth reading.

    Nearly all of a batch was up before and is up now: none of those rows is.
    """
    device_ids = {fact.device_id for fact in observations}.union([result.device_id for result in plain])
    with_expiries = any(map(_tells_expiries, observations))
    standings = lock_standings(device_ids, with_expiries=with_expiries)
    known = [fact for fact in observations if _belongs(fact, standings)]
    moving = {fact.device_id for fact in known if not _is_calm(fact, standings[fact.device_id])}
    calm: list[PlainResult] = []
    for result in plain:
        if not _belongs(result, standings):
            continue
        if standings[result.device_id].is_calm and result.device_id not in moving:
            calm.append(result)
        else:
            known.append(fact_of_plain(result))
            moving.add(result.device_id)
    return known, calm, moving


def _instant(fact: DeviceFact) -> datetime:
    return fact.at


def _is_calm(fact: DeviceFact, standing: Standing) -> bool:
    """Whether a fact leaves the state of its device as it is: a success of what is up, with nothing new around it."""
    outcome = fact.outcome
    if outcome is None or not outcome.measured:
        return True
    if outcome.status != "up" or outcome.held or outcome.cause or not standing.is_calm:
        return False
    return not _fresh_expiries(fact, standing)


def _judge_values(facts: Sequence[DeviceFact], calm: Sequence[PlainResult], *, now: datetime) -> None:
    """Let rules about values see the facts, where there are any such rules."""
    # Devices of one workspace have the same kinds of limits, so any of them stands for all.
    examples = {fact.workspace_id: fact.device_id for fact in facts}
    examples |= {result.workspace_id: result.device_id for result in calm}
    workspaces = alerts.judging_values(
        [Subject(workspace_id, Ref("device", device_id), 0, "") for workspace_id, device_id in examples.items()]
    )
    if not workspaces:
        return
    told = [*facts, *map(fact_of_plain, calm)]
    wanted = [fact for fact in told if fact.workspace_id in workspaces]
    rows = Device.objects.filter(Among("pk", {fact.device_id for fact in wanted}))
    devices = {row.pk: row for row in rows.only("workspace_id", "number", "name", "project_id")}
    found = [sample_of(devices[fact.device_id], fact.at, fact.values) for fact in wanted]
    samples.judge(found, now=now)


def _belongs(fact: DeviceFact | PlainResult, standings: Mapping[int, Standing]) -> bool:
    row = standings.get(fact.device_id)
    return row is not None and row.workspace_id == fact.workspace_id


def _apply(fact: DeviceFact, row: DeviceState, batch: _Batch) -> None:
    before = snapshot_of(row)
    if not _is_measured(fact):
        batch.rows.append(_observation(fact, code=CODE["unknown"]))
        return
    assert fact.outcome is not None
    after, flip = advance(before, fact.outcome)
    if write_snapshot(row, after) | _write_expiries(row, fact):
        batch.changed[row.pk] = row
    if flip is not None:
        batch.flips.append((row, flip))
    batch.after[row.pk] = after
    batch.rows.append(_judged(fact, after))


def _is_measured(fact: DeviceFact) -> bool:
    return fact.outcome is not None and fact.outcome.measured


def _judged(fact: DeviceFact, after: Snapshot) -> Observation:
    """The fact as history shows it: a failure that is still being confirmed is a warning."""
    assert fact.outcome is not None
    if fact.outcome.status == "down" and after.confirming and after.failed_at == fact.outcome.at:
        return _observation(fact, code=CODE["warning"], confirming=True)
    return _observation(fact, code=CODE[fact.outcome.status])


def _observation(fact: DeviceFact, *, code: int, confirming: bool = False) -> Observation:
    return Observation(
        workspace_id=fact.workspace_id,
        source=source_of(fact.device_id),
        at=fact.at,
        values={**fact.values, "state": code},
        detail={**fact.detail, CONFIRMING: True} if confirming else fact.detail,
    )


def _tells_expiries(fact: DeviceFact) -> bool:
    return bool(fact.certificate_expires_at or fact.domain_expires_at or fact.certificate_issuer)


def _fresh_expiries(fact: DeviceFact, known: DeviceState | Standing) -> dict[str, Any]:
    """What a check saw of certificate and name and nobody knew; what it did not see, it says nothing about."""
    if not _tells_expiries(fact):
        return {}
    seen = {
        "certificate_expires_at": fact.certificate_expires_at,
        "certificate_issuer": fact.certificate_issuer[:200],
        "domain_expires_at": fact.domain_expires_at,
    }
    return {name: value for name, value in seen.items() if value and value != getattr(known, name)}


def _write_expiries(row: DeviceState, fact: DeviceFact) -> bool:
    """Remember when the certificate and the name run out."""
    fresh = _fresh_expiries(fact, row)
    for name, value in fresh.items():
        setattr(row, name, value)
    return bool(fresh)


def submit_in_chunks(*, observations: Iterable[DeviceFact], now: datetime, size: int = 500) -> int:
    """Submit many facts in portions that keep statements short, all in the caller's transaction."""
    facts = list(observations)
    for start in range(0, len(facts), size):
        submit(observations=facts[start : start + size], now=now)
    return len(facts)
