"""Alert rules, the nodes they are mounted on, and who hears of them (contract Dash 9)."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.alerts import selectors, services
from apps.alerts.conditions import Condition, covers
from apps.alerts.documents import from_json
from apps.alerts.models import AlertRule
from apps.api.dash import alert_channels
from apps.api.dash.alert_rules import (
    InvalidFieldsError,
    document_of,
    draft_of,
    in_our_words,
    mounted_rule,
    patched,
    shown_in_mounts,
    speakable,
)
from apps.api.dash.payloads import Maybe, Strict, said
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, done, path_id
from apps.common.clock import iso_s
from apps.common.errors import NotFoundError
from apps.nodes.models import UNNAMED, Node
from apps.nodes.selectors import every_node
from apps.notifications.kinds import Style
from apps.notifications.services import set_node_route, surface_route
from apps.pipeline import rules
from apps.pipeline.reports import subject_of

MOST_NUMBER = 2**31 - 1
INVALID = {400: "`invalid_fields`, `invalid_request`"}
ONE = {400: "`invalid_id`, `no_fields`, `invalid_fields`, `invalid_request`", 404: "`not_found`"}


class RuleBody(Strict):
    name: Maybe[str] = None
    enabled: Maybe[bool] = None
    metric: Maybe[str] = None
    operator: Maybe[str] = None
    threshold: Maybe[float] = None
    duration_sec: Maybe[int] = None
    cooldown_min: Maybe[int] = None
    threshold_mode: Maybe[str] = None
    threshold_offset: Maybe[float] = None

    @property
    def document(self) -> dict[str, Any]:
        return {name: said(getattr(self, name)) for name in self.__struct_fields__}


class RuleRow(Struct):
    id: int
    name: str
    enabled: bool
    metric: str
    operator: str
    threshold: float | int
    duration_sec: int
    cooldown_min: int
    threshold_mode: str
    threshold_offset: float | int
    created_at: str
    updated_at: str


class MountsBody(Strict):
    rule_ids: Maybe[list[int]] = None
    server_ids: Maybe[list[int]] = None
    mounted: Maybe[bool] = None


class MountsAnswer(Struct):
    rules: list[dict[str, Any]]
    nodes: list[dict[str, Any]]


class SettingsBody(Strict):
    enabled: Maybe[bool] = None
    channel_ids: Maybe[list[int]] = None


class SettingsAnswer(Struct):
    enabled: bool
    channel_ids: list[int]
    created_at: str
    updated_at: str


class RulesView(DashView):
    @described("The workspace's own rules as far as Dash can say them, newest first", answer=list[RuleRow])
    def get(self, _: Request) -> Response:
        found = selectors.rules_of(self.workspace, built_in=False)
        return Response([_row(rule) for rule in found if _is_sayable(rule)])

    @described("A new rule, mounted nowhere", body=RuleBody, status=204, also=INVALID)
    def post(self, _: Request) -> Response:
        draft = draft_of(self.body(RuleBody).document)
        with in_our_words():
            services.create_rule(workspace=self.workspace, draft=draft, actor=self.actor.label, now=self.now)
        return done()


class RuleView(DashView):
    @described("Say some of a rule anew; all but the name begins it anew", body=RuleBody, status=204, also=ONE)
    def patch(self, _: Request, number: str) -> Response:
        wanted, document = path_id(number), self.body(RuleBody).document
        rule = self._rule(wanted)
        draft = patched(services.draft_of(rule), document)
        with in_our_words():
            rules.update_rule(rule=rule, draft=draft, actor=self.actor.label, now=self.now)
        return done()

    @described("Take a rule away; what it has open ends without a word", status=204, also=ONE)
    def delete(self, _: Request, number: str) -> Response:
        rules.delete_rule(rule=self._rule(path_id(number)), actor=self.actor.label, now=self.now)
        return done()

    def _rule(self, number: int) -> AlertRule:
        rule = selectors.rule_by_number(self.workspace, number)
        if not _is_sayable(rule):
            raise NotFoundError("There is no such rule.")
        return rule


class MountsView(DashView):
    @described("Which rule looks at which node: Dash's built-in rules, then the others", answer=MountsAnswer)
    def get(self, _: Request) -> Response:
        shown = self._rules()
        conditions = {rule.number: from_json(rule.conditions) for rule in shown}
        nodes = [_mounts(node, conditions) for node in every_node(self.workspace)]
        return Response(MountsAnswer([mounted_rule(rule) for rule in shown], nodes))

    @described(
        "Mount every one of some rules on every one of some nodes, or take them off",
        body=MountsBody,
        status=204,
        also=INVALID,
    )
    def put(self, _: Request) -> Response:
        body = self.body(MountsBody)
        numbers, servers, mounted = said(body.rule_ids), said(body.server_ids), said(body.mounted)
        if not numbers or not servers or mounted is None:
            raise InvalidFieldsError("rule_ids, server_ids and mounted must be said, and the lists hold something.")
        if not set(numbers) <= {rule.number for rule in self._rules()}:
            raise InvalidFieldsError("rule_ids names a rule that is not there.")
        found = self._named(servers)
        rules.mount_rules(
            workspace=self.workspace,
            numbers=set(numbers),
            subjects=[subject_of(node) for node in found],
            mounted=mounted,
            actor=self.actor.label,
            now=self.now,
        )
        return done()

    def _named(self, servers: Sequence[int]) -> list[Node]:
        numbers = {number for number in servers if 0 < number <= MOST_NUMBER}
        found = list(Node.objects.of(self.workspace).live().filter(number__in=numbers))
        if len(found) != len(set(servers)):
            raise InvalidFieldsError("server_ids names a node that is not there.")
        return found

    def _rules(self) -> list[AlertRule]:
        """Those that the page lists: the built-in ones from -1 on, then people's own as they came."""
        shown = [rule for rule in selectors.rules_of(self.workspace) if shown_in_mounts(rule)]
        return sorted(shown, key=lambda rule: (not rule.built_in, abs(rule.number)))


class SettingsView(DashView):
    @described("Whether messages go out about nodes, and through which channels", answer=SettingsAnswer)
    def get(self, _: Request) -> Response:
        route = surface_route(self.workspace, Style.DASH)
        born = self.workspace.created_at
        if route is None:
            return Response(_settings([], born, born, enabled=True))
        shown = [channel.number for channel in route.channels.all() if alert_channels.sayable(channel)]
        return Response(_settings(shown, born, route.updated_at, enabled=route.enabled))

    @described("Set both; what happens while they are off is still noted", body=SettingsBody, status=204, also=INVALID)
    def put(self, _: Request) -> Response:
        body = self.body(SettingsBody)
        enabled, numbers = said(body.enabled), said(body.channel_ids)
        if enabled is None or numbers is None:
            raise InvalidFieldsError("enabled and channel_ids must both be said.")
        known = {channel.number: channel for channel in alert_channels.channels_of(self.workspace)}
        if not set(numbers) <= known.keys():
            raise InvalidFieldsError("channel_ids names a channel that is not there.")
        route = surface_route(self.workspace, Style.DASH)
        # Others that hear of it are not Dash's to say, so they stay.
        kept = [each for each in route.channels.all() if not alert_channels.sayable(each)] if route is not None else []
        set_node_route(
            workspace=self.workspace,
            enabled=enabled,
            channels=[*(known[number] for number in dict.fromkeys(numbers)), *kept],
            actor=self.actor.label,
            now=self.now,
        )
        return done()


def _is_sayable(rule: AlertRule) -> bool:
    return not rule.built_in and speakable(services.draft_of(rule))


def _row(rule: AlertRule) -> RuleRow:
    document = document_of(services.draft_of(rule))
    return RuleRow(rule.number, **document, created_at=iso_s(rule.created_at), updated_at=iso_s(rule.updated_at))


def _mounts(node: Node, rules_by_number: Mapping[int, Sequence[Condition]]) -> dict[str, Any]:
    address = node.addresses.get("peer")
    mounts = [
        {"rule_id": number, "mounted": covers(conditions, node.number)}
        for number, conditions in rules_by_number.items()
    ]
    return {
        "id": node.number,
        "name": node.name,
        "hostname": node.hostname or UNNAMED,
        **({"ip": address} if address else {}),
        "group_ids": sorted(group.number for group in node.groups.all()),
        "mounts": mounts,
    }


def _settings(channels: Sequence[int], born: datetime, changed: datetime, *, enabled: bool) -> SettingsAnswer:
    return SettingsAnswer(enabled, sorted(channels), iso_s(born), iso_s(changed))
