"""What every batch of reports reads of its nodes, locked; the same on SQLite and on PostgreSQL."""

from collections.abc import Collection

from django.db import connections, router

from apps.common import prepared
from apps.common.among import integers_in
from apps.nodes.models import Node
from apps.nodes.types import Reporting

_LOCK = """
    SELECT id, workspace_id, number, name, project_id, cores, report_interval_s, agent_kind, agent_version,
           wanted_version, addresses->>'peer', first_report_at IS NOT NULL
    FROM nodes_node WHERE id {among} AND retired_at IS NULL ORDER BY id {locked}
"""
_LOCKS = {
    "postgresql": _LOCK.format(among="= ANY(%s::bigint[])", locked="FOR NO KEY UPDATE"),
    # Who writes has the whole database.
    "sqlite": _LOCK.format(among="IN (SELECT value FROM json_each(%s))", locked=""),
}


def lock_reporting(node_ids: Collection[int]) -> dict[int, Reporting]:
    """The live ones among these nodes, by primary key and locked in the one order of every writer.

    Of two processes that were sent the same report the second one waits here and then sees what the first one kept.
    """
    connection = connections[router.db_for_write(Node)]
    with prepared.cursor(connection) as cursor:
        cursor.execute(_LOCKS[connection.vendor], [integers_in(connection.vendor, node_ids)])
        return {row[0]: Reporting._make(row) for row in cursor.fetchall()}
