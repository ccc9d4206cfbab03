"""Writes: components, domains, logos, subscribers, and telling them."""

import io
from datetime import timedelta

import pytest
from django.conf import settings as configured
from PIL import Image

from apps.common.errors import ConflictError, InvalidInputError
from apps.common.ids import digest
from apps.notifications.models import Delivery
from apps.projects.models import Tag
from apps.statuspages import services
from apps.statuspages.content import content_of
from apps.statuspages.logos import MOST_BYTES, redraw
from apps.statuspages.models import StatusComponent, StatusPage, Subscriber
from apps.statuspages.selectors import slug_of_host
from apps.statuspages.services import Choice, set_components
from apps.statuspages.services.domains import clean_hostname, domain_of
from apps.statuspages.services.subscribers import ASK_AGAIN, unsubscribe_token
from apps.workspaces.models import Domain
from tests import factories


def refused(field: str, call, *args, **kwargs) -> str:
    with pytest.raises(InvalidInputError) as caught:
        call(*args, **kwargs)
    return str(caught.value.fields[field])


# --- What a page shows ------------------------------------------------------------------------------
def test_projects_tags_and_monitors_stand_where_they_were_put(shop, django_assert_max_num_queries) -> None:
    kiosk = factories.make_device(shop.lisbon, "Kiosk", tags=["eu"])
    tag = Tag.objects.of(shop.workspace).get(text="eu")
    set_components(
        page=shop.page,
        choices=[
            Choice(device=kiosk, name="Kiosk in the hall"),
            Choice(project=shop.berlin),
            Choice(tag=tag, name="Europe", group="Regions"),
            Choice(project=shop.lisbon, group="Regions"),
        ],
    )

    sections = content_of(shop.page, now=shop.now).sections

    assert [(one.id, one.name, [row.name for row in one.rows]) for one in sections] == [
        ("monitors", "Acme status", ["Kiosk in the hall"]),
        ("berlin-01", "Berlin branch", ["Till 1"]),
        ("regions", "Regions", ["Europe", "Lisbon branch"]),
    ]


def test_changing_projects_keeps_names_order_and_the_rest(shop) -> None:
    set_components(page=shop.page, choices=[Choice(project=shop.berlin, name="Berlin"), Choice(device=shop.till)])

    services.set_projects(page=shop.page, projects=[shop.lisbon, shop.berlin])

    rows = StatusComponent.objects.of(shop.workspace).order_by("position")
    assert [row.shown_name for row in rows] == ["Lisbon branch", "Berlin", "Till 1"]


def test_reading_a_page_costs_the_same_for_two_monitors_and_for_forty(shop, django_assert_num_queries) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as few:
        content_of(shop.page, now=shop.now)
    for number in range(38):
        factories.make_device(shop.berlin, f"Till {number + 10}", now=shop.now)
    with CaptureQueriesContext(connection) as many:
        content = content_of(shop.page, now=shop.now)

    assert sum(len(section.rows) for section in content.sections) == 40
    assert len(many) == len(few)
    assert len(many) < 25


# --- Names of one's own -----------------------------------------------------------------------------
def test_where_the_house_is_ones_own_a_name_is_served_at_once(shop, settings) -> None:
    settings.PROFILE = "self_hosted"

    services.set_domain(page=shop.page, hostname="Status.Example.com.", now=shop.now)

    assert slug_of_host("status.example.com") == "acme"


def test_elsewhere_it_waits_for_its_proof(shop, settings) -> None:
    settings.PROFILE = "saas"
    domain = services.set_domain(page=shop.page, hostname="status.example.com", now=shop.now)
    asked: list[str] = []

    def records(*texts: str):
        return lambda name: (asked.append(name), list(texts))[1]

    services.verify_domain(page=shop.page, now=shop.now, lookup=records("v=spf1 -all"))
    assert slug_of_host("status.example.com") is None
    services.verify_domain(page=shop.page, now=shop.now, lookup=records("other", domain.proof))

    assert slug_of_host("status.example.com") == "acme"
    assert asked == ["_dashmon.status.example.com"] * 2


def test_a_proved_name_is_nobody_elses_and_a_mere_claim_gives_way(shop, settings) -> None:
    settings.PROFILE = "saas"
    other, _ = services.create_page(
        workspace=factories.make_workspace(now=shop.now), values={"name": "Other"}, now=shop.now
    )
    services.set_domain(page=other, hostname="status.example.com", now=shop.now)

    services.set_domain(page=shop.page, hostname="status.example.com", now=shop.now)
    assert domain_of(other) is None
    Domain.objects.update(verified_at=shop.now)

    with pytest.raises(ConflictError):
        services.set_domain(page=other, hostname="status.example.com", now=shop.now)
    assert domain_of(shop.page).verified_at == shop.now


def test_another_name_takes_the_place_of_the_first_and_goes_with_the_page(shop, settings) -> None:
    settings.PROFILE = "self_hosted"
    services.set_domain(page=shop.page, hostname="one.example.com", now=shop.now)
    services.set_domain(page=shop.page, hostname="two.example.com", now=shop.now)
    assert list(Domain.objects.values_list("hostname", flat=True)) == ["two.example.com"]

    services.delete_page(page=shop.page)

    assert Domain.objects.count() == 0


@pytest.mark.parametrize(
    "text", ["", "localhost", "a", "10.0.0.1", "::1", "a..b", "-a.example.com", "x.local", "a b.c"]
)
def test_what_is_no_name_of_ones_own_is_refused(text: str) -> None:
    assert refused("customDomain", clean_hostname, text)


def test_the_installations_own_names_are_not_for_sale(settings) -> None:
    settings.BASE_URL, settings.TENANT_DOMAIN = "https://watch.example.com", "tenants.example.net"

    for name in ("watch.example.com", "acme.watch.example.com", "tenants.example.net", "a.b.tenants.example.net"):
        assert "installation" in refused("customDomain", clean_hostname, name)
    assert clean_hostname("bücher.example.org") == "xn--bcher-kva.example.org"


# --- Logos ------------------------------------------------------------------------------------------
def picture(form: str = "PNG", size: tuple[int, int] = (900, 300)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, (40, 80, 200)).save(out, form)
    return out.getvalue()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_a_logo_is_drawn_anew_and_small(form: str) -> None:
    drawn = redraw(picture(form))

    assert drawn.png.startswith(b"\x89PNG")
    assert (drawn.width, drawn.height) == (192, 64)
    assert len(drawn.png) < 20_000


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"GIF89a<script>alert(1)</script>",
        picture()[:200],
        picture("BMP"),
        b"\x00" * 100,
        b"x" * (MOST_BYTES + 1),
        picture(size=(5000, 2)),
    ],
    ids=["empty", "svg", "polyglot", "cut", "bmp", "zeros", "large", "wide"],
)
def test_what_is_no_picture_is_refused(raw: bytes) -> None:
    assert refused("logo", redraw, raw)


def test_what_hides_in_a_picture_does_not_survive() -> None:
    assert b"<script>" not in redraw(picture() + b"<script>alert(1)</script>").png


# --- Subscribers ------------------------------------------------------------------------------------
def ask(shop, address: str = "ana@example.com", *, kind: str = "email", minutes: float = 0) -> None:
    at = shop.now + timedelta(minutes=minutes)
    services.subscribe(page=shop.page, kind=kind, address=address, language="de", now=at)


def token_of(delivery: Delivery) -> str:
    text = delivery.payload.get("text") or delivery.payload["event"]["confirmUrl"]
    return text.split("/confirm/")[1].split()[0]


def test_nothing_is_sent_before_the_address_says_yes(shop) -> None:
    ask(shop)

    (question,) = Delivery.objects.of(shop.workspace)
    row = Subscriber.objects.get()
    assert (question.event_name, question.recipient) == ("subscription.confirm", "ana@example.com")
    assert "bestätigen" in question.payload["subject"]
    assert row.confirmed_at is None
    assert token_of(question) not in (row.confirm_hash, row.unsubscribe_hash)
    services.publish(page=shop.page, status="info", title="News", notify=True, now=shop.now)
    assert services.tell_subscribers(now=shop.now, limit=10) == 0

    assert services.confirm(page=shop.page, token=token_of(question), now=shop.now)
    assert not services.confirm(page=shop.page, token=token_of(question), now=shop.now)
    assert Subscriber.objects.get().confirmed_at == shop.now


def test_asking_again_is_quiet_for_a_while_and_for_ever_once_confirmed(shop) -> None:
    ask(shop)
    ask(shop, "ANA@example.com ")
    assert Delivery.objects.count() == 1
    ask(shop, minutes=ASK_AGAIN.total_seconds() / 60)
    assert Delivery.objects.count() == 2
    Subscriber.objects.update(confirmed_at=shop.now)
    ask(shop, minutes=600)

    assert Delivery.objects.count() == 2
    assert Subscriber.objects.count() == 1


def test_only_the_newest_question_can_be_answered(shop) -> None:
    ask(shop)
    ask(shop, minutes=20)
    first, second = Delivery.objects.order_by("pk")

    assert not services.confirm(page=shop.page, token=token_of(first), now=shop.now)
    assert services.confirm(page=shop.page, token=token_of(second), now=shop.now)


@pytest.mark.parametrize(
    ("kind", "address"),
    [
        ("email", "nobody"),
        ("email", "a@b@c"),
        ("email", "ana@example.com\nBcc: eve@example.com"),
        ("email", "x" * 250 + "@example.com"),
        ("webhook", "http://hooks.example.com/"),
        ("webhook", "https://127.0.0.1/"),
        ("webhook", "https://[::1]/"),
        ("webhook", "https://169.254.169.254/latest"),
        ("webhook", "javascript:alert(1)"),
        ("webhook", ""),
        ("webhook", "https://hooks.example.com/" + "x" * 3000),
        ("email", "a\x00@example.com"),
    ],
)
def test_an_address_nobody_could_write_to_is_refused(shop, settings, kind: str, address: str) -> None:
    settings.PROFILE = "saas"

    assert refused("address", ask, shop, address, kind=kind)
    assert Subscriber.objects.count() == 0


def test_a_webhook_is_asked_as_well(shop) -> None:
    ask(shop, "https://hooks.example.com/in", kind="webhook")

    (question,) = Delivery.objects.all()
    assert question.kind == "webhook"
    assert question.payload["event"]["event"] == "subscription.confirm"
    assert services.confirm(page=shop.page, token=token_of(question), now=shop.now)


def test_questions_nobody_answered_are_forgotten(shop) -> None:
    ask(shop)
    shop.subscriber("bo@example.com")

    assert services.prune_questions(now=shop.now + timedelta(days=6), limit=10) == 0
    assert services.prune_questions(now=shop.now + timedelta(days=8), limit=10) == 1
    assert Subscriber.objects.get().address == "bo@example.com"


def test_leaving_works_by_ones_own_link_only(shop) -> None:
    ana, bo = shop.subscriber("ana@example.com"), shop.subscriber("bo@example.com")
    other, _ = services.create_page(workspace=shop.workspace, values={"name": "Other"}, now=shop.now)

    assert not services.unsubscribe(page=other, token=unsubscribe_token(ana))
    assert not services.unsubscribe(page=shop.page, token="spu_guess")
    assert services.unsubscribe(page=shop.page, token=unsubscribe_token(ana))
    assert list(Subscriber.objects.all()) == [bo]


# --- Telling ----------------------------------------------------------------------------------------
def news(shop) -> list[Delivery]:
    return list(Delivery.objects.of(shop.workspace).filter(event_name="status.update").order_by("pk"))


def post(shop, **more):
    return services.publish(
        page=shop.page, status="investigating", title="Slow", body="Soon.", projects=[shop.berlin], now=shop.now, **more
    )


def test_each_subscriber_is_told_once_in_slices(shop) -> None:
    for number in range(7):
        shop.subscriber(f"person{number}@example.com")
    update = post(shop, notify=True)

    assert services.tell_subscribers(now=shop.now, limit=3) == 3
    update.refresh_from_db()
    assert update.notified_at is None
    assert services.tell_subscribers(now=shop.now, limit=100) == 4
    assert services.tell_subscribers(now=shop.now, limit=100) == 0

    update.refresh_from_db()
    assert update.notified_at == shop.now
    assert sorted(one.recipient for one in news(shop)) == [f"person{number}@example.com" for number in range(7)]


def test_a_step_that_is_killed_and_repeated_tells_nobody_twice(shop, monkeypatch) -> None:
    for number in range(5):
        shop.subscriber(f"person{number}@example.com")
    update = post(shop, notify=True)
    from apps.statuspages.services import telling

    real, calls = telling.queue_message, []

    def dying(**kwargs):
        calls.append(kwargs["recipient"])
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(**kwargs)

    monkeypatch.setattr(telling, "queue_message", dying)
    with pytest.raises(KeyboardInterrupt):
        services.tell_subscribers(now=shop.now, limit=100)
    # Even with the cursor lost, the keys hold.
    services.tell_subscribers(now=shop.now, limit=100)
    type(update).objects.update(notified_through=0, notified_at=None)
    services.tell_subscribers(now=shop.now, limit=100)

    assert sorted(one.recipient for one in news(shop)) == [f"person{number}@example.com" for number in range(5)]


def test_a_post_that_tells_nobody_tells_nobody(shop) -> None:
    shop.subscriber()
    post(shop)

    assert services.tell_subscribers(now=shop.now, limit=10) == 0
    assert news(shop) == []


def test_who_came_after_the_post_is_not_told_of_it(shop) -> None:
    late = shop.subscriber()
    Subscriber.objects.filter(pk=late.pk).update(confirmed_at=shop.now + timedelta(seconds=1))
    post(shop, notify=True)

    assert services.tell_subscribers(now=shop.now, limit=10) == 0


def test_the_mail_says_what_is_known_in_public_and_how_to_leave(shop) -> None:
    set_components(page=shop.page, choices=[Choice(project=shop.berlin, name="Our shop in Berlin")])
    ana = shop.subscriber()
    post(shop, notify=True)
    services.tell_subscribers(now=shop.now, limit=10)

    (mail,) = news(shop)
    leave = f"/status/acme/unsubscribe/{unsubscribe_token(ana)}"
    headers = mail.payload["headers"]
    assert mail.payload["subject"] == "[Acme status] Looking into it: Slow"
    assert headers["List-Unsubscribe"].endswith(f"{leave}>")
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert leave in mail.payload["text"]
    assert "Our shop in Berlin" in mail.payload["text"]
    assert "Berlin branch" not in mail.payload["text"] + mail.payload["html"]
    assert digest(unsubscribe_token(ana)) == Subscriber.objects.get().unsubscribe_hash


def test_after_a_change_of_the_installations_key_the_new_link_works(shop, monkeypatch) -> None:
    ana = shop.subscriber()
    monkeypatch.setattr(configured, "SECRET_KEY", "another")
    post(shop, notify=True)
    services.tell_subscribers(now=shop.now, limit=10)

    assert services.unsubscribe(page=shop.page, token=unsubscribe_token(ana))


def test_a_webhook_is_told_in_its_own_form(shop) -> None:
    shop.subscriber("https://hooks.example.com/in")
    update = post(shop, notify=True)
    services.tell_subscribers(now=shop.now, limit=10)

    body = news(shop)[0].payload["event"]
    assert (body["event"], body["update"]["id"], body["update"]["projects"]) == (
        "status.update",
        update.wire_id,
        ["Berlin branch"],
    )
    assert "/unsubscribe/" in body["unsubscribeUrl"]


def test_a_title_of_many_lines_is_one_line_of_a_header(shop) -> None:
    shop.subscriber()
    services.publish(page=shop.page, status="info", title="One\r\nBcc: eve@example.com", notify=True, now=shop.now)
    services.tell_subscribers(now=shop.now, limit=10)

    assert "\n" not in news(shop)[0].payload["subject"]


def test_a_deleted_page_takes_its_subscribers_along(shop) -> None:
    shop.subscriber()

    services.delete_page(page=shop.page)

    assert (StatusPage.objects.count(), Subscriber.objects.count()) == (0, 0)
