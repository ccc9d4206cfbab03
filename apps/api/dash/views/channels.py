"""Channels: where messages about nodes can go, and whether they arrive (contract Dash 10.1)."""

from typing import Any

from msgspec import Struct
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dash import alert_channels
from apps.api.dash.alert_rules import InvalidFieldsError, in_our_words
from apps.api.dash.errors import DashError
from apps.api.dash.payloads import Maybe, Strict, said
from apps.api.dash.schema import described
from apps.api.dash.views.base import DashView, done, path_id
from apps.common.clock import iso_s
from apps.common.errors import NotFoundError
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.models import Channel
from apps.notifications.styles import dash

INVALID = {400: "`invalid_fields`, `invalid_request`"}
ONE = {400: "`invalid_id`, `invalid_fields`, `invalid_request`", 404: "`not_found`"}
TITLE, TEXT = "Test notification", "This is a test message from Dash."


class ChannelBody(Strict):
    name: Maybe[str] = None
    type: Maybe[str] = None
    config: Maybe[dict[str, Any]] = None
    enabled: Maybe[bool] = None


class EnabledBody(Strict):
    enabled: Maybe[bool] = None


class TestBody(Strict):
    __test__ = False  # pytest collects classes whose name begins like this one

    title: Maybe[str] = None
    message: Maybe[str] = None


class ChannelRow(Struct):
    id: int
    name: str
    type: str
    config: dict[str, Any]
    enabled: bool
    created_at: str
    updated_at: str


class ChannelsView(DashView):
    @described("The workspace's channels, newest first, without their secrets", answer=list[ChannelRow])
    def get(self, _: Request) -> Response:
        return Response([_row(channel) for channel in alert_channels.channels_of(self.workspace)])

    @described("A new channel", body=ChannelBody, status=204, also=INVALID)
    def post(self, _: Request) -> Response:
        draft = _draft(self.body(ChannelBody), None)
        with in_our_words():
            services.create_channel(workspace=self.workspace, **draft, actor=self.actor.label, now=self.now)
        return done()


class ChannelBase(DashView):
    def channel(self, number: str) -> Channel:
        wanted = path_id(number)
        found = next((each for each in alert_channels.channels_of(self.workspace) if each.number == wanted), None)
        if found is None:
            raise NotFoundError("There is no such channel.")
        return found


class ChannelView(ChannelBase):
    @described("One channel without its secrets", answer=ChannelRow, also=ONE)
    def get(self, _: Request, number: str) -> Response:
        return Response(_row(self.channel(number)))

    @described("Say all of a channel anew; a secret that is left out stays", body=ChannelBody, status=204, also=ONE)
    def put(self, _: Request, number: str) -> Response:
        path_id(number)
        body = self.body(ChannelBody)
        channel = self.channel(number)
        draft = _draft(body, channel)
        with in_our_words():
            services.update_channel(channel=channel, **draft, actor=self.actor.label, now=self.now)
        return done()

    @described("Take a channel away; what waits for it is not sent", status=204, also=ONE)
    def delete(self, _: Request, number: str) -> Response:
        services.delete_channel(channel=self.channel(number), actor=self.actor.label, now=self.now)
        return done()


class EnabledView(ChannelBase):
    @described("Switch a channel on or off", body=EnabledBody, status=204, also=ONE)
    def put(self, _: Request, number: str) -> Response:
        path_id(number)
        enabled = said(self.body(EnabledBody).enabled)
        if enabled is None:
            raise InvalidFieldsError("enabled must be said.")
        services.switch_channel(channel=self.channel(number), enabled=enabled, actor=self.actor.label, now=self.now)
        return done()


class TestView(ChannelBase):
    __test__ = False  # pytest collects classes whose name begins like this one

    @described(
        "Send a message through a channel now, switched on or not; a bot of Telegram sends two samples instead",
        body=TestBody,
        status=204,
        also={
            **ONE,
            400: "`not_logged_in`, `invalid_id`, `invalid_request`",
            429: "`rate_limited`",
            503: "`notify_error`: what the other side said.",
        },
    )
    def post(self, _: Request, number: str) -> Response:
        path_id(number)
        body = self.body(TestBody)
        channel = self.channel(number)
        config = channel.config or {}
        if alert_channels.is_account(config) and not config.get("session"):
            raise DashError("not_logged_in", "This Telegram account is not signed in.")
        texts = [(said(body.title) or TITLE, said(body.message) or TEXT)]
        if channel.kind == ChannelKind.TELEGRAM:
            texts = self._samples()
        outcomes = services.send_texts(channel=channel, texts=texts, now=self.now)
        failed = next((outcome for outcome in outcomes if not outcome.ok), None)
        if failed is not None:
            raise DashError("notify_error", failed.result, status=503)
        return done()

    def _samples(self) -> list[tuple[str, str]]:
        """An alert that began, and the same one over."""
        event = dash.Event("server", "cpu_usage_ratio_high", "cpu.usage_ratio", 0.92, self.now, 0.9, 60)
        words = {"zone": self.workspace.timezone, "language": self.workspace.language}
        if words["language"] not in dash.LANGUAGES:
            words["language"] = "en"
        said_now = {"opened": dash.opened(event, **words), "closed": dash.closed(event, **words)}
        marked = [dash.marked(text, transition) for transition, text in said_now.items()]
        return [(text.title, text.body) for text in marked]


class AccountView(DashView):
    """Signing in with a person's own Telegram account: not done here, and said so."""

    @described("Not supported", status=204, also={503: "`mtproto_unsupported`"})
    def post(self, _: Request) -> Response:
        raise DashError(
            "mtproto_unsupported", "Telegram accounts of people are not supported here. Use a bot instead.", status=503
        )


def _row(channel: Channel) -> ChannelRow:
    return ChannelRow(
        id=channel.number,
        name=channel.name,
        type=channel.kind,
        config=alert_channels.shown(channel),
        enabled=channel.enabled,
        created_at=iso_s(channel.created_at),
        updated_at=iso_s(channel.updated_at or channel.created_at),
    )


def _draft(body: ChannelBody, channel: Channel | None) -> dict[str, Any]:
    """What the service is handed; InvalidFieldsError where something is missing."""
    name, kind, config, enabled = said(body.name), said(body.type), said(body.config), said(body.enabled)
    if not (name or "").strip() or kind not in alert_channels.KINDS or config is None or enabled is None:
        raise InvalidFieldsError("name, type, config and enabled must all be said; type is telegram, email or webhook.")
    ours = alert_channels.KINDS[kind]
    kept = (channel.config or {}) if channel is not None and channel.kind == ours else {}
    return {"kind": ours, "name": name, "config": alert_channels.config_of(kind, config, kept), "enabled": enabled}
