"""Subscribers' messages over real sockets, and proofs from a real name server."""

import pytest

from apps.notifications.services import deliver_due
from apps.statuspages import services
from apps.statuspages.models import Subscriber
from apps.statuspages.services.domains import txt_records
from apps.statuspages.services.subscribers import unsubscribe_token
from tests.apps.statuspages.conftest import Shop

pytestmark = pytest.mark.django_db(transaction=True)


def publish_and_send(shop: Shop) -> None:
    services.publish(
        page=shop.page, status="identified", title="Cause found", body="**Soon.**", notify=True, now=shop.now
    )
    services.tell_subscribers(now=shop.now, limit=10)
    deliver_due(now=shop.now, limit=10, owner="test")


def test_a_mail_arrives_whole_with_its_way_out(shop, smtp_sink) -> None:
    ana = shop.subscriber("ana@example.com")
    publish_and_send(shop)

    question, mail = smtp_sink.to("ana@example.com")
    assert "confirm" in str(question["Subject"]).lower()
    assert mail["Subject"] == "[Acme status] Cause found: Cause found"
    assert unsubscribe_token(ana) in mail["List-Unsubscribe"]
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "<strong>Soon.</strong>" in mail.get_body(("html",)).get_content()
    assert mail.get_body(("plain",)).get_content().count("Soon.") == 1


def test_a_webhook_is_called_without_a_signature_nobody_agreed_on(shop, http_sink) -> None:
    hook = shop.subscriber("https://hooks.example.com/in")
    # Strangers give https addresses only; the sink speaks plainly.
    Subscriber.objects.filter(pk=hook.pk).update(address=http_sink.url)
    from apps.notifications.models import Delivery

    Delivery.objects.all().delete()
    publish_and_send(shop)

    (call,) = http_sink.requests
    headers = {name.lower(): value for name, value in dict(call.headers).items()}
    assert headers["x-dashmon-event"] == "status.update"
    assert "x-dashmon-signature" not in headers


def test_a_proof_is_read_from_the_name_server(farm, settings) -> None:
    settings.PROBE_RESOLVERS = [f"127.0.0.1:{farm.names.port}"]

    assert "v=spf1 -all" in txt_records("all.test")
    assert txt_records("nothing.test") == []
    assert txt_records("x" * 300) == []
