from datetime import datetime
from typing import Any

import pytest

from apps.devices.models import Device
from apps.notifications import services
from apps.workspaces.models import Workspace
from dashmon.environment import sms_provider
from tests.apps.incidents.scene import T0, make_device, make_workspace
from tests.sinks.http import HttpSink


@pytest.fixture
def workspace(db: None) -> Workspace:
    return make_workspace()


@pytest.fixture
def device(workspace: Workspace) -> Device:
    return make_device(workspace)


def mail_to(workspace: Workspace, *to: str, now: datetime = T0) -> None:
    services.set_email_rule(workspace=workspace, enabled=True, cooldown_minutes=30, to=list(to), actor="owner", now=now)


@pytest.fixture
def mails(workspace: Workspace) -> None:
    """The e-mail rule is on, for one address."""
    mail_to(workspace, "ops@acme.example")


@pytest.fixture
def hook(workspace: Workspace, http_sink: HttpSink, settings: Any) -> HttpSink:
    """The webhook is on and leads to a web server of the test."""
    settings.BASE_URL = "https://watch.example"
    services.set_webhook_rule(
        workspace=workspace, enabled=True, url=http_sink.url, secret="s3cret", actor="owner", now=T0
    )
    return http_sink


@pytest.fixture
def providers(http_sink: HttpSink, settings: Any) -> HttpSink:
    """Every service with an address of its own is the web server of the test."""
    base = f"http://127.0.0.1:{http_sink.port}"
    settings.TELEGRAM_URL = settings.PUSHOVER_URL = settings.PUSHBULLET_URL = base
    settings.SMS = sms_provider(f"twilio://AC1:t%3Aken@127.0.0.1:{http_sink.port}/?from=%2B15551230000&scheme=http")
    return http_sink
