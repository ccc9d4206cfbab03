"""The one statement of tokens that runs for every batch that agents and jobs send; putting it together anew would cost
more than running it. The same on SQLite and on PostgreSQL.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db import connections, router

from apps.common import prepared
from apps.common.among import texts_in
from apps.common.instants import known_instant
from apps.tokens.models import AgentKey

_KEYS = """
    SELECT key.hash, key.workspace_id, workspace.slug, key.subject_id, key.generated,
           workspace.plan, workspace.plan_status, workspace.premium_until
    FROM {keys} key JOIN workspaces_workspace workspace ON workspace.id = key.workspace_id
    WHERE {among} key.subject = %s AND workspace.closed_at IS NULL AND (key.valid_until IS NULL OR key.valid_until > %s)
"""
# Looked up before anything else: a planner that has no figures yet would go through all keys of each open workspace,
# and compare each with everything that is wanted.
_LOOKED_UP = """(
    SELECT agentkey.* FROM unnest(%s::text[]) AS wanted (hash) JOIN tokens_agentkey agentkey USING (hash) OFFSET 0
)"""
_SPELLED = {
    "postgresql": _KEYS.format(keys=_LOOKED_UP, among=""),
    "sqlite": _KEYS.format(keys="tokens_agentkey", among="key.hash IN (SELECT value FROM json_each(%s)) AND"),
}


def keys_with(hashes: Collection[str], *, subject: AgentKey.Subject, now: datetime) -> list[tuple[Any, ...]]:
    """Of each key in force: its hash, workspace, slug, subject, whether it was generated, plan, status, end of plan."""
    connection = connections[router.db_for_read(AgentKey)]
    wanted = texts_in(connection.vendor, hashes)
    with prepared.cursor(connection) as cursor:
        instant = connection.ops.adapt_datetimefield_value(now)
        cursor.execute(_SPELLED[connection.vendor], [wanted, subject.value, instant])
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    if connection.vendor == "postgresql":
        return rows
    return [(*row[:4], bool(row[4]), *row[5:7], known_instant(row[7])) for row in rows]
