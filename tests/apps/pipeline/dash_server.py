"""A case of dash_alerts.json played to the product: rules and mounts as rows, snapshots at the door, sweeps."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from typing import Any

from apps.alerts import services as alerts
from apps.alerts.models import AlertRule
from apps.alerts.types import Subject
from apps.api.dash.alert_rules import draft_of
from apps.common.clock import parse_iso
from apps.common.values import Observation, Ref, SourceRef
from apps.pipeline import rules
from apps.pipeline.samples import submit_samples, sweep_silence
from apps.workspaces.models import Workspace
from tests.replay.dash_alerts import SERVER, sample_of

Case = dict[str, Any]


class DashServer:
    """The server of one case in a workspace; `said` are the vector's rule ids by the numbers that rules got."""

    def __init__(self, workspace: Workspace, case: Case) -> None:
        self.workspace, self.case = workspace, case
        AlertRule.objects.of(workspace).filter(number__gt=0).delete()
        self.said = {number: number for number in range(-4, 0)}
        for document in case["rules"]:
            born = alerts.create_rule(
                workspace=workspace, draft=draft_of(document), actor="ana", now=parse_iso(document["updated_at"])
            )
            self.said[born.number] = document["id"]

    def play(self) -> Iterator[tuple[Case, datetime]]:
        """Every step once it has happened, and its instant."""
        self._mount(self.case["mounts"], now=parse_iso(self.case["steps"][0]["now"]))
        for step in self.case["steps"]:
            now = parse_iso(step["now"])
            self._mount(step.get("mounts", {}), now=now)
            self._evaluate(step["snapshot"], now=now)
            yield step, now

    def _mount(self, mounts: dict[str, bool], *, now: datetime) -> None:
        numbers = {said: number for number, said in self.said.items()}
        subject = Subject(self.workspace.pk, Ref("node", SERVER), SERVER, "server")
        for said, mounted in mounts.items():
            rules.mount_rules(
                workspace=self.workspace,
                numbers=[numbers[int(said)]],
                subjects=[subject],
                mounted=mounted,
                actor="ana",
                now=now,
            )

    def _evaluate(self, view: Case, *, now: datetime) -> None:
        sample = sample_of(view, now=now)
        subject = replace(sample.subject, workspace_id=self.workspace.pk)
        if sample.silent:
            sweep_silence(subjects=[subject], now=now)
            return
        values = {name: value for name, value in sample.values.items() if name != "node.silence_s"}
        seen = Observation(self.workspace.pk, SourceRef(subject.ref), now, values, sample.observed_at)
        submit_samples(observations=[seen], subjects={subject.ref: subject}, now=now)
