"""Nodes, jobs and people in an installation of its own, and what it has kept of them, as JSON.

`python -m tests.nightly.outside make NODES JOBS`, `... look` and `... kept`, with its environment.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any

import django


def make(nodes: int, jobs: int) -> dict[str, Any]:
    """Senders in a workspace of their own, with a status page of its jobs and a session of its owner, the operator."""
    from django.utils import timezone

    from apps.devices.services import renew_heartbeat_token
    from apps.nodes.selectors import secrets_of
    from apps.nodes.services import create_node
    from apps.operations.database import bring_up_to_date
    from apps.statuspages.services import create_page
    from tests import factories
    from tests.nightly.visitors import session_of

    bring_up_to_date()
    now, owner = timezone.now(), factories.make_user()
    owner.is_staff = True
    owner.save()
    workspace = factories.make_workspace(owner=owner, now=now)
    project = factories.make_project(workspace, "jobs", now=now)
    made = [create_node(workspace=workspace, name=f"metal-{n:04}", actor="ana", now=now) for n in range(nodes)]
    secrets = secrets_of(workspace.pk, made)
    devices = [factories.make_device(project, f"job {n}", kind="heartbeat", now=now) for n in range(jobs)]
    create_page(workspace=workspace, values={"name": "Shop", "slug": "shop"}, projects=[project], now=now)
    return {
        "nodes": [node.pk for node in made],
        "secrets": [secrets[node.pk] for node in made],
        "jobs": [device.pk for device in devices],
        "tokens": [renew_heartbeat_token(device=device, now=now) for device in devices],
        "slug": workspace.slug,
        "cookie": session_of(owner),
    }


def look() -> dict[str, Any]:
    """A session of an operator who has the workspace with the most monitors, and one of these."""
    from django.db.models import Count

    from apps.devices.models import Device
    from apps.workspaces.models import Workspace
    from apps.workspaces.selectors import owner_of
    from tests.nightly.visitors import session_of

    fullest = Device.objects.values_list("workspace_id").annotate(n=Count("pk")).order_by("-n")[0][0]
    workspace = Workspace.objects.get(pk=fullest)
    owner = owner_of(workspace)
    owner.is_staff = True
    owner.save()
    monitor = str(Device.objects.filter(workspace=workspace).earliest("pk").public_id)
    return {"slug": workspace.slug, "monitor": monitor, "cookie": session_of(owner)}


def kept() -> dict[str, Any]:
    """By node and by job: the numbers of what is stored, each with how often it is there."""
    from apps.metrics.models import HeartbeatPing
    from apps.nodes.models import Node
    from tests.nightly.kept import kept_of

    signals: dict[int, Counter[int]] = {}
    for device, run in HeartbeatPing.objects.filter(rid__isnull=False).values_list("device_id", "rid"):
        signals.setdefault(device, Counter())[run.int] += 1
    return {"reports": {node.pk: kept_of(node) for node in Node.objects.order_by("pk")}, "signals": signals}


def main() -> None:
    django.setup()
    ways: dict[str, Callable[..., dict[str, Any]]] = {"make": make, "look": look, "kept": kept}
    json.dump(ways[sys.argv[1]](*map(int, sys.argv[2:])), sys.stdout)


if __name__ == "__main__":
    main()
