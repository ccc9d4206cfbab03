"""Nodes or heartbeats in an empty database, and the requests that they send: a process of its own.

Run by `tests.perf.cores.measure`; prints one JSON document.
"""

import json
from pathlib import Path
from typing import Any

from tests.perf.cores import arguments

SENDERS = 500
# As many as the plan lets one project and one workspace have.
PROJECT, NODES = 50, 100
# Where a body says when it was sent: what stands before it and after it is the same of all.
INSTANT = "<now>"
CASES = Path(__file__).parents[1] / "vectors" / "dash_node_reports.json"


def reports() -> dict[str, Any]:
    """Nodes with secrets of their own, all of which send one report, each time at another instant."""
    from django.utils import timezone

    from apps.nodes.models import Node
    from apps.nodes.selectors import secrets_of
    from apps.nodes.services import create_node
    from tests import factories

    now, nodes = timezone.now(), list[Node]()
    while len(nodes) < SENDERS:
        workspace = factories.make_workspace(now=now)
        nodes += [create_node(workspace=workspace, name=f"n{n}", actor="bench", now=now) for n in range(NODES)]
    secrets = [secret for node in nodes for secret in secrets_of(node.workspace_id, [node]).values()]
    report = json.loads(CASES.read_text(encoding="utf-8"))["cases"][0]["report"]
    body = json.dumps({**report, "timestamp": INSTANT}).split(INSTANT)
    return {"requests": [["/api/node/metrics", secret] for secret in secrets], "body": body}


def heartbeats() -> dict[str, Any]:
    """Heartbeats with tokens of their own."""
    from django.utils import timezone

    from apps.checks.heartbeats import Beat, receive
    from apps.common.ids import digest
    from apps.devices.heartbeat import read_signal
    from apps.devices.services import renew_heartbeat_token
    from apps.tokens.selectors import Sent
    from tests import factories

    now, tokens = timezone.now(), list[str]()
    for number in range(SENDERS):
        if number % PROJECT == 0:
            project = factories.make_project(factories.make_workspace(now=now), now=now)
        device = factories.make_device(project, f"job {number}", kind="heartbeat", now=now)
        token = renew_heartbeat_token(device=device, now=now)
        # The first signal of a job changes its state, which is another matter; what is measured is any later one.
        signal = read_signal(at=now, path_parts=[], json_body=None, query={}, method="POST", body=b"")
        receive(beats=[Beat(Sent(digest(token)), signal)], now=now)
        tokens.append(token)
    return {"requests": [[f"/ping/{token}", ""] for token in tokens], "body": ["{}"]}


def main() -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(json.dumps({"report": reports, "heartbeat": heartbeats}[arguments()["kind"]]()))


if __name__ == "__main__":
    main()
