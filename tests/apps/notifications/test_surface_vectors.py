"""Vectors of other products through the whole of ours: reports at the door, sweeps, and what real servers receive."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

import pytest

from apps.alerts import services as alerts
from apps.alerts.types import Subject
from apps.api.nezha.alert_rules import read_form
from apps.api.nezha.readings import columns_of
from apps.common.values import Observation, Ref, SourceRef
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel, Escalation
from apps.pipeline.samples import submit_samples
from apps.workspaces.models import Workspace
from tests.apps.pipeline.dash_server import DashServer
from tests.replay.nezha_alert_rules import sample_at
from tests.replay.nezha_notifications import ORIGIN, config_of
from tests.sinks.http import HttpSink
from tests.sinks.smtp import SmtpSink

Case = dict[str, Any]
VECTORS = Path(__file__).parents[2] / "vectors"
START = datetime(2026, 5, 18, 12, 0, tzinfo=UTC)


def read(stem: str) -> Case:
    document: Case = json.loads((VECTORS / f"{stem}.json").read_text(encoding="utf-8"))
    return document


def channel(workspace: Workspace, kind: ChannelKind, **config: Any) -> Channel:
    return services.create_channel(
        workspace=workspace, kind=kind, name=f"Ops by {kind}", config=config, actor="ana", now=START
    )


def run(now: datetime) -> None:
    """What the background does."""
    services.fan_out(now=now, limit=100)
    services.advance_due(now=now, limit=100)
    services.deliver_due(now=now, limit=100)


# --- Dash -----------------------------------------------------------------------------------------------

# A rule that cannot be stored is refused at the door (tests/contracts/dash).
DASH = [case for case in read("dash_alerts")["cases"] if not case["expect_invalid_rules"]]


@pytest.mark.parametrize("case", DASH, ids=[case["id"] for case in DASH])
def test_a_mail_and_a_webhook_say_what_dash_says(
    workspace: Workspace, smtp_sink: SmtpSink, http_sink: HttpSink, case: Case
) -> None:
    hook = channel(
        workspace,
        ChannelKind.WEBHOOK,
        url=http_sink.url,
        format="custom",
        template='{"title": "{{title}}", "message": "{{text}}"}',
    )
    mail = channel(workspace, ChannelKind.EMAIL, to=["ops@acme.example"])
    services.set_node_route(workspace=workspace, enabled=True, channels=[hook, mail], actor="ana", now=START)
    wanted = []
    for step, now in DashServer(workspace, case).play():
        run(now)
        said = [*step["expect"]["opens"], *(entry for entry in step["expect"]["closes"] if entry["notify"])]
        wanted += [(entry["title"], entry["body"]) for entry in said]

    mails = [(message["Subject"], message.get_content()) for message in smtp_sink.to("ops@acme.example")]
    assert [(title, text.replace("\r\n", "\n").rstrip("\n")) for title, text in mails] == wanted
    assert [(got.json["title"], got.json["message"]) for got in http_sink.requests] == wanted


def test_dash_speaks_the_language_and_the_time_of_the_workspace(workspace: Workspace, smtp_sink: SmtpSink) -> None:
    workspace.language, workspace.timezone = "zh", "Asia/Shanghai"
    workspace.save()
    mail = channel(workspace, ChannelKind.EMAIL, to=["ops@acme.example"])
    services.set_node_route(workspace=workspace, enabled=True, channels=[mail], actor="ana", now=START)
    case = next(case for case in DASH if case["steps"][0]["expect"]["opens"])
    _, now = next(DashServer(workspace, case).play())
    run(now)

    (message,) = smtp_sink.to("ops@acme.example")
    assert message["Subject"].startswith("告警触发: ")
    assert "触发时间: 2026-04-11 08:00:00 CST" in message.get_content()


# --- Nezha ----------------------------------------------------------------------------------------------

NEZHA = read("nezha_notifications")
SERVER = NEZHA["server"]
FORM = {"name": "CPU high", "enable": True, "rules": [{"type": "cpu", "max": 10, "duration": 3, "cover": 0}]}
TOTALS = ("mem_total", "swap_total", "disk_total")
SAID = '[{event}] alpha "x"(203.****.7/2001:db8:****::7) CPU high'


class NezhaServer:
    """The vector's server under one rule that tells one channel."""

    def __init__(self, workspace: Workspace, *channels: Channel, mode: int = 0) -> None:
        draft = read_form({**FORM, "trigger_mode": mode}, now=START, groups=()).rule
        rule = alerts.create_rule(workspace=workspace, draft=draft, actor="ana", now=START)
        services.set_rule_route(rule=rule, channels=channels, actor="ana", now=START)
        facts = {total: SERVER["host"][total] for total in TOTALS} | SERVER["geoip"]
        self.subject = Subject(workspace.pk, Ref("node", SERVER["id"]), SERVER["id"], SERVER["name"], facts=facts)

    def report(self, second: float, **state: Any) -> None:
        at = START + timedelta(seconds=second)
        values = columns_of({**SERVER["state"], **state}, SERVER["host"])
        seen = Observation(self.subject.workspace_id, SourceRef(self.subject.ref), at, values)
        submit_samples(observations=[seen], subjects={self.subject.ref: self.subject}, now=at)

    def is_in_trouble(self, *, since: float = 0) -> datetime:
        """Three bad ticks, and everything told that is due; when it opened."""
        for tick in range(3):
            self.report(since + 3 * tick)
        run(START + timedelta(seconds=since + 6))
        return START + timedelta(seconds=since + 6)


@pytest.mark.parametrize("section", ["values_plain", "values_format_metric_units"])
def test_every_placeholder_stands_for_what_the_server_reported(
    workspace: Workspace, http_sink: HttpSink, section: str
) -> None:
    body = json.dumps({name: f"#{name}#" for name in ["NEZHA", *NEZHA[section]]})
    units = section == "values_format_metric_units"
    hook = channel(workspace, ChannelKind.REQUEST, url=http_sink.url, body=body, metricUnits=units)
    NezhaServer(workspace, hook).is_in_trouble()

    (got,) = http_sink.requests
    assert got.json == NEZHA[section] | {"NEZHA": SAID.format(event="Incident")}


CASES = [
    case
    for case in NEZHA["cases"]
    # An alert always has something to say, and about some server.
    if "error" not in case["expect"] and case["message"] and case.get("server", SERVER) is not None
]


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_request_arrives_as_nezha_makes_it(workspace: Workspace, http_sink: HttpSink, case: Case) -> None:
    config = config_of(case["notification"])
    config["url"] = ORIGIN.sub(f"http://127.0.0.1:{http_sink.port}", config["url"])
    NezhaServer(workspace, channel(workspace, ChannelKind.REQUEST, **config)).is_in_trouble()

    (got,) = http_sink.requests
    wanted = case["expect"]
    assert got.method == wanted["method"]
    assert got.headers.get("Content-Type") == wanted["content_type"]
    assert wanted.get("headers", {}).items() <= got.headers.items()
    assert got.body.decode() == with_message(wanted["body"], case["message"])
    assert got.path == with_message(ORIGIN.sub("", wanted.get("url", "/")), case["message"])


def with_message(text: str, before: str) -> str:
    """What is expected with the sentence of this server's trouble in place of the vector's message."""
    said = SAID.format(event="Incident")
    for spelled in (quote_plus, lambda message: json.dumps(message)[1:-1]):
        text = text.replace(spelled(before), spelled(said))
    return text


def test_what_lasts_is_said_ever_more_seldom_until_it_is_over(workspace: Workspace, http_sink: HttpSink) -> None:
    hook = channel(workspace, ChannelKind.REQUEST, url=http_sink.url, body='{"text": "#NEZHA#"}')
    server = NezhaServer(workspace, hook)
    opened = server.is_in_trouble()
    offsets = [0.0]
    while len(offsets) < len(NEZHA["mute_ladder_seconds"]):
        due = Escalation.objects.get().next_at
        assert due is not None
        run(due - timedelta(microseconds=1))
        assert len(http_sink.requests) == len(offsets)
        run(due)
        offsets.append((due - opened).total_seconds())

    assert [round(offset, 3) for offset in offsets] == NEZHA["mute_ladder_seconds"]
    assert [got.json["text"] for got in http_sink.requests] == [SAID.format(event="Incident")] * len(offsets)
    over = offsets[-1] + 60
    server.report(over, cpu=1)
    run(START + timedelta(seconds=over))
    server.is_in_trouble(since=over + 3)
    texts = [got.json["text"] for got in http_sink.requests[len(offsets) :]]
    assert texts == [SAID.format(event="Resolved"), SAID.format(event="Incident")]


def test_a_rule_that_speaks_once_is_not_repeated(workspace: Workspace, http_sink: HttpSink) -> None:
    opened = NezhaServer(workspace, channel(workspace, ChannelKind.REQUEST, url=http_sink.url), mode=1).is_in_trouble()
    run(opened + timedelta(days=3))

    assert len(http_sink.requests) == 1
    assert Escalation.objects.get().next_at is None


RULES = read("nezha_alert_rules")
SHORT = [case for case in RULES["sequences"] if len(case["samples"]) < 100 and "cycle" not in case["rules"][0]["type"]]


@pytest.mark.parametrize("case", SHORT, ids=[case["name"] for case in SHORT])
def test_a_rule_set_is_told_when_and_as_nezha_tells_it(workspace: Workspace, http_sink: HttpSink, case: Case) -> None:
    form = {"name": "CPU high", "enable": True, "rules": case["rules"], "trigger_mode": case["trigger_mode"]}
    draft = read_form(form, now=START, groups=()).rule
    rule = alerts.create_rule(workspace=workspace, draft=draft, actor="ana", now=START)
    hook = channel(workspace, ChannelKind.REQUEST, url=http_sink.url, body='{"text": "#NEZHA#"}')
    services.set_rule_route(rule=rule, channels=[hook], actor="ana", now=START)
    alpha = Subject(workspace.pk, Ref("node", 1), 1, "alpha", facts={"ipv4": "203.0.113.7"})
    told = []
    for tick, token in enumerate(case["samples"]):
        at = START + timedelta(seconds=3 * tick)
        seen = Observation(workspace.pk, SourceRef(alpha.ref), at, sample_at(draft.conditions, token, at=at).values)
        submit_samples(observations=[seen], subjects={alpha.ref: alpha}, now=at)
        before = len(http_sink.requests)
        run(at)
        told += [(tick, got.json["text"]) for got in http_sink.requests[before:]]

    texts = {message["event"]: message["text"] for message in RULES["messages"]}
    assert told == [(event["tick"], texts[event["event"]]) for event in case["events"] if event["notified"]]


# --- DockStat -------------------------------------------------------------------------------------------

DOCKSTAT = read("dockstat_template")["cases"]
TOKEN = "123456:" + "A" * 35


def poll(workspace: Workspace, container: Mapping[str, str], minute: int, *, before: float | None, now: float) -> None:
    """One poll of a docker host that found the container in this state."""
    at = START + timedelta(minutes=minute)
    facts = {"id": container["id"], "state": container["state"], "host": container["hostName"]}
    box = Subject(workspace.pk, Ref("container", 5), 5, container["name"], facts=facts)
    box = replace(box, before={"state": before} if before is not None else {})
    seen = Observation(workspace.pk, SourceRef(box.ref), at, {"state": now})
    submit_samples(observations=[seen], subjects={box.ref: box}, now=at)
    run(at)


@pytest.mark.parametrize("case", DOCKSTAT, ids=lambda case: case["t"])
def test_a_container_that_changed_is_told_in_the_words_of_the_template(
    workspace: Workspace, http_sink: HttpSink, smtp_sink: SmtpSink, settings: Any, case: Case
) -> None:
    settings.TELEGRAM_URL = f"http://127.0.0.1:{http_sink.port}"
    bot = channel(workspace, ChannelKind.TELEGRAM, botToken=TOKEN, chatId="42")
    mail = channel(workspace, ChannelKind.EMAIL, to=["ops@acme.example"])
    services.set_container_route(
        workspace=workspace, enabled=True, channels=[bot, mail], template=case["t"], actor="ana", now=START
    )
    poll(workspace, case["c"], 0, before=None, now=1)
    assert http_sink.requests == []

    poll(workspace, case["c"], 1, before=1, now=2)
    poll(workspace, case["c"], 2, before=2, now=2)

    (got,) = http_sink.requests
    assert (got.path, got.json["text"]) == (f"/bot{TOKEN}/sendMessage", case["out"])
    (message,) = smtp_sink.to("ops@acme.example")
    assert (message["Subject"], message.get_content().strip()) == ("DockStat", case["out"])


def test_without_a_template_the_usual_sentence_is_said(
    workspace: Workspace, http_sink: HttpSink, settings: Any
) -> None:
    settings.TELEGRAM_URL = f"http://127.0.0.1:{http_sink.port}"
    bot = channel(workspace, ChannelKind.TELEGRAM, botToken=TOKEN, chatId="42")
    services.set_container_route(workspace=workspace, enabled=True, channels=[bot], template="", actor="ana", now=START)
    poll(workspace, {"name": "web", "id": "abc", "state": "exited", "hostName": "alpha"}, 1, before=1, now=2)

    assert http_sink.requests[0].json["text"] == "web is exited on alpha"
