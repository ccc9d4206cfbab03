"""What judging reads and writes with every batch, as plain values; the same on SQLite and on PostgreSQL.

Rows of a few columns cost a fraction of model instances, instants as text a fraction of what the driver makes of them,
and a join with the keys that are wanted is one parameter a column however many there are.
"""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections, router
from django.db.models import Model

from apps.alerts.models import AlertRule, RuleState, SubjectClock
from apps.common import prepared
from apps.common.among import integers_in, texts_in
from apps.common.arrays import array_of_integers, array_of_plain, array_of_texts
from apps.common.instants import instant_of, known_instant, spelled_instant

Key = tuple[int, str, int]  # workspace, kind, primary key of the subject
_WANTED = {
    "postgresql": "unnest(%s::bigint[], %s::text[], %s::bigint[]) AS wanted (workspace_id, subject_kind, subject_id)",
    "sqlite": "(SELECT value->>0 AS workspace_id, value->>1 AS subject_kind, value->>2 AS subject_id "
    "FROM json_each(%s)) wanted",
}
# The join begins at the keys; both databases would rather read a small table than its index otherwise.
_OF_WANTED = """
    FROM {wanted} CROSS JOIN {table} kept
    WHERE kept.workspace_id = wanted.workspace_id AND kept.subject_kind = wanted.subject_kind
      AND kept.subject_id = wanted.subject_id
"""
_CLOCKS = """
    SELECT kept.id, kept.workspace_id, kept.subject_kind, kept.subject_id,
           CAST(kept.judged_since AS text), CAST(kept.judged_at AS text)
""" + _OF_WANTED.replace("{table}", "alerts_subjectclock")
_LOCKS = {
    "postgresql": _CLOCKS.format(wanted=_WANTED["postgresql"]) + "ORDER BY kept.id FOR UPDATE OF kept",
    # Who writes has the whole database.
    "sqlite": _CLOCKS.format(wanted=_WANTED["sqlite"]),
}
_STATE = """
    SELECT kept.id, kept.workspace_id, kept.subject_kind, kept.subject_id, kept.rule_id, kept.generation, kept.phase,
           CAST(kept.since AS text), CAST(kept.until AS text), CAST(kept.memories AS text),
           CAST(kept.refreshed_at AS text)
""" + _OF_WANTED.replace("{table}", "alerts_rulestate")
_STATES = {vendor: _STATE.format(wanted=wanted) for vendor, wanted in _WANTED.items()}
_MOVES = {
    "postgresql": "UPDATE alerts_subjectclock SET judged_at = said.judged_at "
    "FROM unnest(%s::bigint[], %s::timestamptz[]) AS said (id, judged_at) WHERE alerts_subjectclock.id = said.id",
    "sqlite": "UPDATE alerts_subjectclock SET judged_at = said.judged_at "
    "FROM (SELECT value->>0 AS id, value->>1 AS judged_at FROM json_each(%s)) said "
    "WHERE alerts_subjectclock.id = said.id",
}
_RULES = """
    SELECT rule.workspace_id, rule.subject_kind, rule.id, rule.number, rule.name, rule.generation,
           CAST(rule.changed_at AS text), CAST(rule.conditions AS text), rule.severity, rule.cooldown_s, rule.stale,
           seat.id, seat.reach
    FROM alerts_alertrule rule LEFT JOIN workspaces_membership seat ON seat.id = rule.owner_id
    WHERE rule.workspace_id {among} AND rule.subject_kind {named} AND rule.enabled AND rule.deleted_at IS NULL
    ORDER BY rule.number
"""
_RULES_OF = {
    "postgresql": _RULES.format(among="= ANY(%s::bigint[])", named="= ANY(%s::text[])"),
    "sqlite": _RULES.format(among="IN (SELECT value FROM json_each(%s))", named="IN (SELECT value FROM json_each(%s))"),
}


class RuleRow(NamedTuple):
    """A rule in force as its row spells it; `seat` is its owner's and None where nobody owns it."""

    workspace_id: int
    subject_kind: str
    pk: int
    number: int
    name: str
    generation: int
    changed_at: str
    conditions: str
    severity: str
    cooldown_s: int
    stale: str
    seat: int | None
    reach: str | None


class ClockRow(NamedTuple):
    """Since when a subject is judged, and its newest report that was."""

    pk: int
    key: Key
    judged_since: datetime
    judged_at: datetime


class StateRow(NamedTuple):
    """Where a rule stands with a subject; `memories` as its row spells them."""

    pk: int
    key: Key
    rule_id: int
    generation: int
    phase: str
    since: datetime | None
    until: datetime | None
    memories: str
    refreshed_at: datetime | None


def rule_rows(workspaces: Collection[int], kinds: Collection[str]) -> list[RuleRow]:
    """Rules that are on, in the order of their numbers."""
    connection = connections[router.db_for_read(AlertRule)]
    wanted = [integers_in(connection.vendor, workspaces), texts_in(connection.vendor, kinds)]
    with prepared.cursor(connection) as cursor:
        cursor.execute(_RULES_OF[connection.vendor], wanted)
        rows = cursor.fetchall()
    return [RuleRow._make(row) for row in rows]


def lock_clocks(keys: Collection[Key]) -> list[ClockRow]:
    """The clocks of these subjects, locked in one order."""
    return [
        ClockRow(pk, (workspace, kind, subject), instant_of(since), instant_of(at))
        for pk, workspace, kind, subject, since, at in _of_wanted(_LOCKS, SubjectClock, keys)
    ]


def move_clocks(moved: Sequence[tuple[int, datetime]]) -> None:
    """Set clocks that are locked, each named by its primary key."""
    connection = connections[router.db_for_write(SubjectClock)]
    if connection.vendor == "postgresql":
        said = [array_of_integers(pk for pk, _ in moved), array_of_plain(at for _, at in moved)]
    else:
        said = [json.dumps([(pk, spelled_instant(at)) for pk, at in moved])]
    with prepared.cursor(connection) as cursor:
        cursor.execute(_MOVES[connection.vendor], said)


def states_of(keys: Collection[Key]) -> list[StateRow]:
    """What rules are not idle about among these subjects."""
    return [_state(row[:4], row[4:7], row[7:]) for row in _of_wanted(_STATES, RuleState, keys)]


def _state(whose: Sequence[Any], rule: Sequence[Any], standing: Sequence[Any]) -> StateRow:
    (pk, *key), (since, until, memories, refreshed_at) = whose, standing
    kept = known_instant(since), known_instant(until), memories, known_instant(refreshed_at)
    return StateRow._make((pk, tuple(key), *rule, *kept))


def _of_wanted(statements: Mapping[str, str], model: type[Model], keys: Collection[Key]) -> list[Any]:
    connection = connections[router.db_for_write(model)]
    if connection.vendor == "postgresql":
        workspaces, kinds, subjects = zip(*keys, strict=True)
        wanted: list[Any] = [array_of_integers(workspaces), array_of_texts(kinds), array_of_integers(subjects)]
    else:
        wanted = [json.dumps(list(keys))]
    with prepared.cursor(connection) as cursor:
        cursor.execute(statements[connection.vendor], wanted)
        return list(cursor.fetchall())
