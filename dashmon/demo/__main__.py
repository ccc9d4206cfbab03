"""`python -m dashmon.demo`: fill a workspace of its own, start loopback targets, serve."""

import os
import sys
from datetime import datetime, timedelta
from typing import Any

import django

PASSWORD = "demo-password"  # noqa: S105  # on loopback, for a workspace of made-up monitors
OWNER, OWNER_NAME = "demo@example.com", "Kim Larsen"


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashmon.settings")
    from dashmon import logs, server

    logs.configure()
    django.setup(set_prefix=False)
    from apps.operations.database import bring_up_to_date
    from dashmon.demo.targets import Targets

    targets = Targets()
    targets.start()
    bring_up_to_date()
    fill(targets)
    _start_machines()
    print(f"Sign in as {OWNER} with the password {PASSWORD}; the status page is /status/demo", flush=True)  # noqa: T201  # a terminal
    return server.main()


def fill(targets: Any) -> None:
    """Make the demo's workspace once; later starts only point its monitors at this run's targets."""
    from django.utils import timezone

    from apps.accounts.models import User
    from apps.devices.models import Device
    from apps.operations.provision import Wanted, provision
    from apps.workspaces.models import Workspace
    from dashmon.demo.past import settle
    from dashmon.demo.people import move_hook

    now = timezone.now()
    if not Workspace.objects.filter(slug="demo").exists():
        provision(wanted=Wanted(slug="demo", owner=OWNER, password=PASSWORD), now=now)
        User.objects.filter(email=OWNER).update(name=OWNER_NAME)
        print("Simulating the last 30 days; from now on everything is measured", flush=True)  # noqa: T201  # a terminal
        _furnish(Workspace.objects.get(slug="demo"), targets, now=now)
        settle(now=now)
        return
    move_hook(Workspace.objects.get(slug="demo"), hook=targets.url("/hook"), actor=OWNER, now=now)
    for device in Device.objects.filter(workspace__slug="demo", kind=Device.Kind.HTTP):
        path = "/" + device.url.split("/", 3)[3]
        Device.objects.filter(pk=device.pk).update(url=targets.url(path))
    Device.objects.filter(workspace__slug="demo", name="Mail relay").update(port=targets.mail_port)


def _furnish(workspace: Any, targets: Any, *, now: datetime) -> None:
    from apps.notifications.services import fan_out
    from dashmon.demo import people
    from dashmon.demo.past import began, live_through

    start, lately = began(now), now - timedelta(hours=1)
    people.seat_colleagues(workspace, now=start)
    played = [(device, part) for device, part in _monitors(workspace, targets, now=start) if part.kind != "heartbeat"]
    for device, part in played:
        live_through(device=device, part=part, since=start, until=lately, now=now)
    # Nobody was told of what was over before there was a routing.
    while fan_out(now=lately, limit=500):
        pass
    people.set_routing(workspace, hook=targets.url("/hook"), actor=OWNER, now=lately)
    for device, part in played:
        live_through(device=device, part=part, since=lately, until=now, now=now)
    _live_with_machines(workspace, now=now)
    people.tell_the_public(workspace, now=now)
    people.plan_reports(workspace, recipient=OWNER, now=now)


def _live_with_machines(workspace: Any, *, now: datetime) -> None:
    """Four machines that report and one whose agent nobody has installed yet, in groups."""
    from apps.nodes.services import Changes, create_group, create_node, update_node
    from apps.projects.models import Project
    from apps.traffic.services import change_settings
    from dashmon.demo.machines import MACHINES, Agent, live_through
    from dashmon.demo.past import began

    start = began(now)
    change_settings(workspace=workspace, fields={"usage": "billing", "direction": "both", "zone": "Europe/Berlin"})
    names = (("Production", "What customers depend on"), ("Office and lab", "Ours alone"))
    production, office = (
        create_group(workspace=workspace, name=name, remark=remark, actor=OWNER, now=start) for name, remark in names
    )
    for machine in reversed(MACHINES):
        project = Project.objects.of(workspace).get(key=machine.project)
        node = create_node(workspace=workspace, name=machine.name, project=project, actor=OWNER, now=start)
        group = office if machine.project == "office" else production
        changes = Changes(tags=machine.tags, groups=[1, group.number], p95=machine.project == "shop")
        live_through(
            Agent(machine, update_node(node=node, changes=changes, actor=OWNER, now=start)), since=start, until=now
        )
    create_node(workspace=workspace, name="backup-eu-1", actor=OWNER, now=now)


def _start_machines() -> None:
    from apps.nodes.models import Node
    from dashmon.demo.machines import MACHINES, Agent, keep_reporting

    nodes = {node.name: node for node in Node.objects.live().filter(workspace__slug="demo")}
    keep_reporting([Agent(machine, nodes[machine.name]) for machine in MACHINES if machine.name in nodes])


def _monitors(workspace: Any, targets: Any, *, now: datetime) -> list[tuple[Any, Any]]:
    from apps.devices.services import Options, create_device
    from apps.projects.services import create_project
    from dashmon.demo.cast import PARTS, PROJECTS

    projects = {key: create_project(workspace=workspace, key=key, name=name, now=now) for key, name in PROJECTS.items()}
    return [
        (
            create_device(
                project=projects[part.project],
                description=_description(part, targets),
                options=Options(interval_s=30, tags=part.tags),
                now=now,
            ),
            part,
        )
        for part in PARTS
    ]


def _description(part: Any, targets: Any) -> Any:
    from apps.devices.targets import describe

    kind = "tcp" if part.kind == "tcp-closed" else part.kind
    ports = {"tcp": targets.mail_port, "tcp-closed": 9}
    url = targets.url(part.path) if part.kind == "http" else None
    host = "127.0.0.1" if kind in {"tcp", "ping"} else None
    return describe(name=part.name, label=kind, host=host, port=ports.get(part.kind), url=url, notes=None, missing="")


if __name__ == "__main__":
    sys.exit(main())
