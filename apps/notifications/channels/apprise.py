"""The services without a sender of our own, through Apprise; its connections pass our egress guard like all others."""

import logging
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from apps.devices.documents import Document
from apps.notifications.channels.answers import REASONS
from apps.notifications.channels.errors import ChannelError
from apps.notifications.channels.guarded import Watch, guarded
from apps.notifications.channels.texts import plain
from apps.notifications.types import Envelope, Receipt

LONGEST_URL = 2048
# Services that speak HTTP to a place on the internet. Left out: what writes to this machine or its neighbours
# (syslog, desktop, MQTT, IRC, mail, plain forms), what opens files it is told of, and what has a kind of its own here.
SCHEMAS = frozenset(
    """
    46elks bark barks betterstack bluesky brevo bulksms burstsms chanify clickatell clicksend d7sms dapnet
    dingtalk feishu firehydrant flock freemobile gchat github goalert goalerts gotify gotifys groupme guilded
    gupshup hassio hassios httpsms ifttt ilert incidentio infobip jira join kavenegar kumulos lark line
    mailersend mailgun mastodon mastodons matrix matrixs misskey misskeys mmost mmosts msg91 msgbird ncloud
    nclouds notica notifiarr notifico ntfy ntfys octopush onesignal opsgenie pagerduty pagertree plivo postmark
    prowl psafer psafers pushdeer pushdeers pushed pushme pushplus pushy resend revolt ringc rocket rockets
    ryver schan sendgrid serwersms ses seven signal signals signl4 simplepush sinch sns sparkpost spike splunk
    squadcast synology synologys telnyx threema twist victorops voipms vonage webex wecombot whatsapp wxpusher
    wxteams xmatters zoom zulip
    """.split()  # noqa: SIM905  # a hundred quotes read worse than one word list
)
# What an address may say after its question mark. Others name files of this machine, other hosts, or waits without end.
PARAMETERS = frozenset(
    [
        "batch",
        "footer",
        "format",
        "from",
        "image",
        "mode",
        "msgtype",
        "name",
        "priority",
        "region",
        "sound",
        "tags",
        "to",
        "ttl",
    ]
)
TYPES: Mapping[str, str] = {"down": "failure", "warning": "warning", "up": "success"}


def send(envelope: Envelope) -> Receipt:
    """Hand the message to the service; Apprise says no more than whether it was taken."""
    service = _service(envelope.recipient)
    if service is None:
        raise ChannelError("This is no address of a service that is supported.", final=True)
    payload = envelope.payload
    body, kind = plain({**payload, "title": ""}), TYPES.get(payload["tone"], "info")
    with guarded() as watch:
        service.throttle = _bounded(service.throttle, watch)
        try:
            taken = service.notify(title=payload["title"], body=body, notify_type=kind)
        except Exception as error:
            # What a service answers, or leaves unsaid, is not always what its plugin reckons with.
            raise _failure(watch, "The answer of the service was not understood.") from error
    if not taken:
        raise _failure(watch, REASONS.get(watch.refused, "The service did not take the message."))
    return Receipt("Accepted by the service.")


def _failure(watch: Watch, words: str) -> ChannelError:
    return ChannelError(words if watch.left_s() else "The service did not answer in time.")


def _bounded(throttle: Callable[..., None], watch: Watch) -> Callable[..., None]:
    """The library's waits between its requests, none beyond the deadline: a service may ask for days."""

    def wait_within(last_io: datetime | None = None, wait: float | None = None) -> None:
        if left_s := watch.left_s():
            throttle(last_io, None if wait is None else max(0.0, min(wait, left_s)))

    return wait_within


def clean(document: Mapping[str, Any]) -> dict[str, Any]:
    """`url`: an Apprise address such as `ntfys://topic`, of one of the services that are supported."""
    root = Document(document)
    url = (root.text("url", default="", longest=LONGEST_URL) or "").strip()
    if _schema(url) not in SCHEMAS:
        root.fault("url", "An Apprise address of a supported service, like ntfys://topic.")
    elif unknown := _parameters(url) - PARAMETERS:
        root.fault("url", f"This parameter is not supported: {min(unknown)}.")
    elif _service(url) is None:
        root.fault("url", "Apprise does not understand this address.")
    root.finish()
    return {"url": url}


def redact(config: Mapping[str, Any]) -> dict[str, Any]:  # noqa: ARG001  # every kind has the same functions
    return {"url": None}


def recipients(config: Mapping[str, Any]) -> list[str]:
    """The one address."""
    return [config["url"]]


def shown(recipient: str) -> str:
    """The service alone: everything behind it may be a secret."""
    return f"{_schema(recipient)}://"


def _schema(url: str) -> str:
    return url.partition("://")[0].lower() if "://" in url else ""


def _parameters(url: str) -> set[str]:
    # Apprise takes + - and : in front of a name as a kind of its own.
    return {name.lower() for name, _ in parse_qsl(url.partition("?")[2], keep_blank_values=True)}


def _service(url: str) -> Any:
    if _schema(url) not in SCHEMAS or _parameters(url) - PARAMETERS:
        return None
    # Loaded when somebody uses it: it brings 170 services along.
    import apprise

    # It logs addresses with their secrets.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    # Without an asset of its own Apprise would keep files and look for plugins on this machine.
    asset = apprise.AppriseAsset(plugin_paths=None, storage_mode=apprise.PersistentStoreMode.MEMORY)
    return apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
