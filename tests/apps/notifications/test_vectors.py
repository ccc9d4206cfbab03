"""dashmon_alert_routing.json end to end: rows, sweeps and deliveries tell the story that the vectors expect."""

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from apps.accounts.models import User
from apps.common.clock import iso_ms, parse_iso
from apps.devices.models import Device
from apps.incidents import services as incidents
from apps.incidents.models import Incident
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel, Delivery, Escalation, Route
from apps.workspaces.services import add_seat
from tests.apps.incidents.scene import change, tell
from tests.sinks.smtp import SmtpSink

Case = dict[str, Any]
FILE = Path(__file__).parents[2] / "vectors" / "dashmon_alert_routing.json"
CASES = json.loads(FILE.read_text(encoding="utf-8"))["cases"]


class World:
    """A project with the case's channels and people as rows, and a clock that stops wherever something is due."""

    def __init__(self, device: Device, settings: Case, *, begins: datetime) -> None:
        self.device, self.begins, self.names = device, begins, {}
        names = _names(settings)
        people = {name: self._person(name) for name in names["user"]}
        for name in names["channel"]:
            self._channel(name)
        self.route = Route.objects.create(
            workspace_id=device.workspace_id,
            scope=Route.Scope.PROJECT,
            project=device.project,
            enabled=True,
            policy=_renamed(settings, people),
            updated_at=begins,
        )

    def _person(self, name: str) -> str:
        user = User.objects.create_user(f"{name}@people.example".replace("_", "-"))
        add_seat(workspace=self.device.workspace, user=user, role="editor", now=self.begins)
        self.names[user.email] = f"user:{name}"
        return str(user.public_id)

    def _channel(self, name: str) -> None:
        address = f"{name}@channels.example"
        self.names[address] = f"channel:{name}"
        Channel.objects.create(
            workspace_id=self.device.workspace_id,
            number=len(self.names) + 1,
            project=self.device.project,
            key=name,
            kind=ChannelKind.EMAIL,
            config={"to": [address]},
            created_at=self.begins,
        )

    def pass_time(self, until: datetime) -> None:
        """Sweep at every instant at which something is due, up to and with `until`."""
        for _ in range(500):
            services.fan_out(now=until, limit=100)
            due = Escalation.objects.filter(next_at__lte=until).order_by("next_at").first()
            if due is None or due.next_at is None:
                return
            services.advance_due(now=due.next_at, limit=100)
        raise AssertionError("the story does not end")

    def told(self) -> list[Case]:
        rows = Delivery.objects.filter(route=self.route).order_by("created_at", "pk")
        told = [self._spelled(row) for row in rows]
        return sorted(told, key=lambda notice: (notice["at"], notice["recipient"]))

    def _spelled(self, row: Delivery) -> Case:
        notice: Case = {"at": iso_ms(row.created_at), "recipient": self.names[row.recipient]}
        if row.event_name == "incident.resolved":
            return notice | {"kind": "resolved"}
        return notice | {"kind": "open", "step": row.step, "loop": row.loop}


def _names(settings: Case) -> dict[str, set[str]]:
    names: dict[str, set[str]] = {"user": set(), "channel": set(), "oncall": set()}
    for step in settings["escalation"]["steps"]:
        for target in step["targets"]:
            names[target["type"]].add(target["id"])
    for rotation in settings["onCall"]:
        names["user"].update(rotation["members"])
        names["user"].update(override["userId"] for override in rotation["overrides"])
    return names


def _renamed(node: Any, people: dict[str, str]) -> Any:
    """The document with people's own ids in place of the vector's names."""
    if isinstance(node, list):
        return [people.get(item, item) if isinstance(item, str) else _renamed(item, people) for item in node]
    if not isinstance(node, dict):
        return node
    swapped = {key: _renamed(value, people) for key, value in node.items()}
    if node.get("type") == "user":
        swapped["id"] = people[node["id"]]
    if "userId" in node:
        swapped["userId"] = people[node["userId"]]
    return swapped


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_product_tells_what_the_vector_expects(device: Device, smtp_sink: SmtpSink, case: Case) -> None:
    incident = case["incident"]
    opened_at = parse_iso(incident["openedAt"])
    device.severity = incident["severity"]
    device.save()
    world = World(device, case["settings"], begins=opened_at)
    tell(change(device, "up", "down", opened_at))
    services.fan_out(now=opened_at, limit=100)

    for name, act in sorted(
        (incident[key], key) for key in ("acknowledgedAt", "resolvedAt") if incident[key] is not None
    ):
        at = parse_iso(name)
        # What is due at this very instant is judged by what is known then: the act comes first.
        world.pass_time(at - timedelta(milliseconds=1))
        if act == "acknowledgedAt":
            incidents.acknowledge(incident=Incident.objects.get(), actor="ana", user=None, now=at)
        else:
            tell(change(device, "down", "up", at))
            services.fan_out(now=at, limit=100)
    world.pass_time(opened_at + timedelta(days=60))

    assert world.told() == sorted(case["expect"]["sent"], key=lambda notice: (notice["at"], notice["recipient"]))
    services.deliver_due(now=opened_at + timedelta(days=60), limit=1000)
    mails = [(world.names[to], _kind(message["Subject"])) for to, message in smtp_sink.messages]
    assert sorted(mails) == sorted((notice["recipient"], notice["kind"]) for notice in case["expect"]["sent"])


def _kind(subject: str) -> str:
    return "resolved" if subject.startswith("Up: ") else "open"
