import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from apps.audit.models import AuditEntry
from apps.notifications import channels
from apps.notifications.models import Channel, Route
from apps.notifications.services import alert_settings, set_alert_settings
from apps.projects.services import set_scope
from apps.web.forms.routing.kinds import offered
from apps.workspaces.models import Membership, Workspace
from tests import factories
from tests.apps.web.conftest import Scene

Form = dict[str, list[str]]


class _Inputs(HTMLParser):
    """What a browser would send of the page's routing form, without script."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: Form = {}
        self._area: str | None = None
        self._select: str | None = None
        self._first: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        name, value = given.get("name") or "", given.get("value") or ""
        if tag == "input" and (given.get("type") != "checkbox" or "checked" in given):
            self._take(name, value)
        elif tag == "textarea":
            self._area = name
            self._take(name, "")
        elif tag == "select":
            self._select, self._first = name, None
        elif tag == "option" and self._select and "disabled" not in given:
            if self._first is None:
                self._first = value
                self._take(self._select, value)
            if "selected" in given:
                self.sent[self._select][-1] = value

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._area:
            self.sent[self._area][-1] += data

    def _take(self, name: str, value: str) -> None:
        if name and name != "csrfmiddlewaretoken":
            self.sent.setdefault(name, []).append(value)


def form_of(response: Any) -> Form:
    parser = _Inputs()
    parser.feed(response.content.decode())
    return parser.sent


def path(scene: Scene, key: str = "berlin") -> str:
    return scene.path(f"alerts/routing/{key}")


def press(client: Client, scene: Scene, form: Form, act: str, **changes: Any) -> Any:
    return client.post(path(scene), {**form, "act": act, **changes})


@pytest.fixture
def client(scene: Scene) -> Client:
    return scene.client(scene.owner)


@pytest.fixture
def full(scene: Scene) -> dict[str, Any]:
    """A routing with everything in it, saved."""
    ana, vic = str(scene.owner.public_id), str(scene.viewer.public_id)
    document = {
        "enabled": True,
        "timezone": "Europe/Berlin",
        "notifyOn": ["down", "up"],
        "openAfterSeconds": 30,
        "quietHours": {
            "enabled": True,
            "mode": "suppress",
            "windows": [{"days": ["mon", "sun"], "start": "22:00", "end": "07:00"}],
            "bypassSeverities": ["critical"],
        },
        "channels": [
            {"id": "ch_mail", "type": "email", "name": "Ops", "to": ["ops@example.com", "night@example.com"]},
            {"id": "ch_hook", "type": "webhook", "url": "https://hooks.example/in", "secret": "keep-me"},
            {"id": "ch_sms", "type": "sms", "to": ["+491511234567"], "enabled": False},
        ],
        "onCall": [
            {
                "id": "main",
                "timezone": "Europe/Berlin",
                "members": [ana, vic, ana],
                "startsOn": "2026-01-05",
                "shiftDays": 7,
                "handoffTime": "09:00",
                "coverage": [{"days": ["mon"], "start": "08:00", "end": "18:00"}],
                "overrides": [{"start": "2026-02-10T08:00:00.000Z", "end": "2026-02-11T08:00:00.000Z", "userId": vic}],
            }
        ],
        "escalation": {
            "steps": [
                {
                    "afterMinutes": 0,
                    "targets": [{"type": "oncall", "id": "main"}, {"type": "channel", "id": "ch_hook"}],
                },
                {"afterMinutes": 15, "targets": [{"type": "user", "id": ana}]},
            ],
            "repeat": {"times": 1, "everyMinutes": 60},
        },
    }
    return set_alert_settings(project=scene.project, document=document, actor="test", now=scene.now)


def test_saving_what_the_page_shows_changes_nothing(scene: Scene, client: Client, full: dict[str, Any]) -> None:
    response = press(client, scene, form_of(client.get(path(scene))), "save")

    assert response.status_code == 302
    assert alert_settings(scene.project, reveal=True) == full
    hook = Channel.objects.of(scene.workspace).get(key="ch_hook")
    assert hook.config is not None
    assert hook.config["secret"] == "keep-me"


SECRETS = {
    "telegram": {"botToken": "123456:ABC-DEF1234ghIkl-zyx57W2v1u123ew11", "chatId": "@ops_night"},
    "pushover": {"token": "a" * 30, "user": "u" * 30},
    "pushbullet": {"accessToken": "o.0123456789abcdef"},
}


@pytest.mark.parametrize("kind", SECRETS)
def test_keys_of_a_service_are_kept_without_being_shown_and_can_be_replaced(
    scene: Scene, client: Client, kind: str
) -> None:
    page = press(client, scene, form_of(client.get(path(scene))), "add channels", **{"new.channel": kind})
    refused = press(client, scene, form_of(page), "save")
    assert refused.status_code == 400
    assert refused.context["layout"].stray == ()
    typed = {f"channels[0].{name}": value for name, value in SECRETS[kind].items()}
    assert press(client, scene, form_of(page), "save", **typed).status_code == 302

    page = client.get(path(scene))
    hidden = [value for value in SECRETS[kind].values() if value != "@ops_night"]
    assert all(value not in page.content.decode() for value in hidden)
    assert "There is one. Empty: it stays." in page.content.decode()
    assert press(client, scene, form_of(page), "save", **{"channels[0].name": "Night"}).status_code == 302
    channel = Channel.objects.of(scene.workspace).get()
    assert (channel.name, channel.config) == ("Night", SECRETS[kind])


OTHERS = {
    "slack": {"url": "https://hooks.slack.example/T/B/x"},
    "teams": {"url": "https://teams.example/hook"},
    "discord": {"url": "https://discord.example/api/webhooks/1/x"},
    "apprise": {"url": "ntfys://topic"},
    "request": {"url": "https://ops.example/in", "headers": "X-Key: a:b\nX-Two: 2", "body": '{"a": 1}'},
}


@pytest.mark.parametrize("kind", OTHERS)
def test_every_kind_that_can_be_added_is_saved_and_shown_again(scene: Scene, client: Client, kind: str) -> None:
    page = press(client, scene, form_of(client.get(path(scene))), "add channels", **{"new.channel": kind})
    typed = {f"channels[0].{name}": value for name, value in OTHERS[kind].items()}
    saved = press(client, scene, form_of(page), "save", **typed)
    assert saved.status_code == 302, saved.context["layout"].blamed

    again = form_of(client.get(path(scene)))
    assert {name: again[name][0].replace("\r", "").strip() for name in typed} == typed
    before = alert_settings(scene.project, reveal=True)
    assert press(client, scene, again, "save").status_code == 302
    assert alert_settings(scene.project, reveal=True) == before


def test_every_kind_that_can_be_sent_can_be_added_or_belongs_to_a_person() -> None:
    assert {kind for kind, _ in offered()} == set(channels.KINDS) - {"web_push"}


def test_a_secret_is_never_on_the_page(scene: Scene, client: Client, full: dict[str, Any]) -> None:
    form = form_of(client.get(path(scene)))
    assert form["channels[1].secret"] == [""]
    refused = press(client, scene, form, "save", **{"channels[1].secret": "typed-now", "openAfterSeconds": "x"})
    assert refused.status_code == 400
    assert "typed-now" not in refused.content.decode()


def test_a_routing_is_built_from_nothing_by_buttons_alone(scene: Scene, client: Client) -> None:
    page = client.get(path(scene))
    page = press(client, scene, form_of(page), "add channels", **{"new.channel": "email"})
    page = press(
        client, scene, form_of(page) | {"channels[0].to": ["Ops@example.com,\n night@example.com"]}, "add onCall"
    )
    ana = str(scene.owner.public_id)
    page = press(client, scene, form_of(page) | {"onCall[0].members": [ana]}, "add escalation.steps")
    page = press(
        client, scene, form_of(page) | {"escalation.steps[0].targets": ["oncall:main"]}, "add escalation.steps"
    )
    page = press(
        client, scene, form_of(page) | {"escalation.steps[1].targets": ["channel:ch_email"]}, "add quietHours.windows"
    )
    assert not Route.objects.of(scene.workspace).exists()
    page = press(client, scene, form_of(page) | {"quietHours.enabled": ["on"]}, "save")
    assert page.status_code == 302

    saved = alert_settings(scene.project, reveal=True)
    assert saved["channels"][0]["to"] == ["ops@example.com", "night@example.com"]
    assert saved["onCall"][0]["members"] == [ana]
    assert [step["afterMinutes"] for step in saved["escalation"]["steps"]] == [0, 15]
    assert saved["escalation"]["steps"][1]["targets"] == [{"type": "channel", "id": "ch_email"}]
    assert saved["quietHours"]["enabled"] is True
    assert AuditEntry.objects.of(scene.workspace).filter(verb="alertSettings.update").count() == 1


@pytest.mark.parametrize(
    ("path_of_row", "gone"),
    [
        ("channels[1]", lambda saved: [row["id"] for row in saved["channels"]] == ["ch_mail", "ch_sms"]),
        ("quietHours.windows[0]", lambda saved: saved["quietHours"]["windows"] == []),
        ("onCall[0].coverage[0]", lambda saved: saved["onCall"][0]["coverage"] is None),
        ("onCall[0]", lambda saved: saved["onCall"] == []),
        ("escalation.steps[1]", lambda saved: len(saved["escalation"]["steps"]) == 1),
    ],
)
def test_a_row_is_taken_out_with_what_names_it_and_the_rest_stays_as_typed(
    scene: Scene, client: Client, full: dict[str, Any], path_of_row: str, gone: Any
) -> None:
    form = form_of(client.get(path(scene))) | {"openAfterSeconds": ["77"]}
    page = press(client, scene, form, f"remove {path_of_row}")
    assert page.status_code == 200
    assert alert_settings(scene.project, reveal=True) == full

    again = form_of(page)
    assert again["openAfterSeconds"] == ["77"]
    assert press(client, scene, again, "save").status_code == 302
    saved = alert_settings(scene.project, reveal=True)
    assert gone(saved)
    targets = [target for step in saved["escalation"]["steps"] for target in step["targets"]]
    assert all(target["id"] not in path_of_row for target in targets)


@pytest.mark.parametrize(
    "wrong",
    [
        ("openAfterSeconds", ["soon"], "Must be a whole number"),
        ("timezone", ["Mars/Olympus"], "IANA timezone"),
        ("quietHours.windows[0].start", ["25:00"], "Must be a time of day"),
        ("quietHours.windows[0].days", [], "Name at least one day"),
        ("channels[0].to", ["ops@example.com, nobody"], "Invalid email address: nobody"),
        ("channels[1].url", ["http://169.254.169.254/"], ""),
        ("channels[2].to", ["0151"], "SMS number must be E.164"),
        ("onCall[0].startsOn", ["never"], "Must be a date"),
        ("onCall[0].shiftDays", ["0"], "Must be a whole number"),
        ("onCall[0].members", ["u_nobody"], "There is no such member"),
        ("onCall[0].coverage[0].end", [""], "Must be a time of day"),
        ("escalation.steps[0].targets", [], "A step needs at least one target"),
        ("escalation.steps[0].targets", ["channel:ch_gone"], "There is nothing of this type and id"),
        ("escalation.steps[1].afterMinutes", ["-1"], "Must be a whole number"),
        ("escalation.repeat.everyMinutes", ["0"], "Rounds need some minutes"),
    ],
)
def test_what_is_wrong_is_said_beside_its_field_in_words_and_nothing_is_saved(
    scene: Scene, client: Client, full: dict[str, Any], wrong: tuple[str, list[str], str]
) -> None:
    name, typed, sentence = wrong
    page = press(client, scene, form_of(client.get(path(scene))), "save", **{name: typed})

    assert page.status_code == 400
    layout = page.context["layout"]
    assert layout.stray == ()
    blamed = [(field_id, said) for field_id, _, said in layout.blamed]
    field_id = "f-" + re.sub(r"[^A-Za-z0-9]+", "-", name).strip("-")
    assert [known for known, _ in blamed] == [field_id]
    assert sentence in blamed[0][1]
    assert f'href="#{field_id}"' in page.content.decode()
    assert f'id="{field_id}-error"' in page.content.decode()
    assert alert_settings(scene.project, reveal=True) == full


@pytest.mark.parametrize(
    "act",
    [
        "add nowhere",
        "remove channels[99]",
        "remove channels",
        "remove [0]",
        "remove onCall[0].members[0].x",
        "add channels",
        "?",
    ],
)
def test_an_act_that_leads_nowhere_changes_nothing(
    scene: Scene, client: Client, full: dict[str, Any], act: str
) -> None:
    form = form_of(client.get(path(scene)))
    page = press(client, scene, form, act, **{"new.channel": "pigeon"})

    assert page.status_code == 200
    again = form_of(page)
    assert {key: value for key, value in again.items() if key != "new.channel"} == {
        key: value for key, value in form.items() if key != "new.channel"
    }


def test_a_form_of_nonsense_is_refused_in_words(scene: Scene, client: Client) -> None:
    nonsense = {"act": "save", "channels[9999].type": "slack\x00", "onCall[3].id": "a b", "escalation.steps[7].x": "y"}
    assert client.post(path(scene), nonsense).status_code == 400
    assert not Route.objects.of(scene.workspace).exists()


def test_a_new_webhook_shows_the_secret_that_was_made_for_it_once(scene: Scene, client: Client) -> None:
    page = press(client, scene, form_of(client.get(path(scene))), "add channels", **{"new.channel": "webhook"})
    page = press(client, scene, form_of(page), "save", **{"channels[0].url": "https://hooks.example/x"})

    found = re.search(r"whsec_[\w-]+", page.content.decode())
    assert found is not None
    channel = Channel.objects.of(scene.workspace).get()
    assert channel.config is not None
    assert channel.config["secret"] == found.group()
    assert found.group() not in client.get(path(scene)).content.decode()


def test_stand_ins_that_came_meanwhile_survive_a_save(scene: Scene, client: Client, full: dict[str, Any]) -> None:
    form = form_of(client.get(path(scene)))
    stand_in = {
        "start": "2026-05-01T08:00:00.000Z",
        "end": "2026-05-02T08:00:00.000Z",
        "userId": str(scene.owner.public_id),
    }
    changed = {**full, "onCall": [{**full["onCall"][0], "overrides": [stand_in]}]}
    set_alert_settings(project=scene.project, document=changed, actor="test", now=scene.now)

    press(client, scene, form, "save")
    assert alert_settings(scene.project, reveal=True)["onCall"][0]["overrides"] == [stand_in]


def test_the_free_plan_names_its_limits_and_refuses_beyond_them(scene: Scene, client: Client, settings: Any) -> None:
    settings.PROFILE = "saas"
    Workspace.objects.filter(pk=scene.workspace.pk).update(plan="free", limit_overrides={"members": 9})
    page = client.get(path(scene))
    assert "On-call schedules need the Premium plan." in page.content.decode()
    page = press(client, scene, form_of(page), "add escalation.steps")
    page = press(client, scene, form_of(page), "add escalation.steps")
    user = f"user:{scene.owner.public_id}"
    steps = {"escalation.steps[0].targets": [user], "escalation.steps[1].targets": [user]}
    page = press(client, scene, form_of(page) | steps, "save")
    assert page.status_code == 400
    assert "1 escalation steps" in page.content.decode()
    assert not Route.objects.of(scene.workspace).exists()


def test_a_viewer_reads_it_in_words_without_addresses_and_changes_nothing(scene: Scene, full: dict[str, Any]) -> None:
    client = scene.client(scene.viewer)
    page = client.get(path(scene)).content.decode()

    assert "At once: whoever is on call (main), Webhook" in page
    assert "After 15 min: Ana Ruiz" in page
    assert "Mon, Sun 22:00 to 07:00" in page
    for secret in ("ops@example.com", "hooks.example", "+4915"):
        assert secret not in page
    assert client.post(path(scene), {"act": "save"}).status_code == 403
    assert client.post(path(scene), {"act": "preview"}).status_code == 403
    assert alert_settings(scene.project, reveal=True) == full


def test_a_seat_finds_and_changes_the_routing_of_its_own_projects_only(scene: Scene) -> None:
    other = factories.make_project(scene.workspace, "paris")
    editor = factories.make_user()
    seat = factories.make_seat(scene.workspace, "editor", user=editor, projects=[other])
    client = scene.client(editor)

    assert client.get(path(scene)).status_code == client.post(path(scene)).status_code == 404
    assert client.get(path(scene, "paris")).status_code == 200
    overview = client.get(scene.path("alerts/")).content.decode()
    assert "Paris" in overview
    assert "Berlin branch" not in overview
    set_scope(seat=seat, project_keys=["berlin"])
    assert press(client, scene, form_of(client.get(path(scene))), "save").status_code == 302


def test_a_stranger_finds_nothing(scene: Scene) -> None:
    slug = scene.stranger.memberships.get().workspace.slug
    client = scene.client(scene.stranger)
    assert client.get(f"/app/w/{slug}/alerts/routing/berlin").status_code == 404
    assert client.post(f"/app/w/{slug}/alerts/routing/berlin", {"act": "save"}).status_code == 404


def test_somebody_who_left_stays_in_the_form_until_they_are_taken_out(
    scene: Scene, client: Client, full: dict[str, Any]
) -> None:
    Membership.objects.of(scene.workspace).filter(user=scene.viewer).delete()
    page = client.get(path(scene))
    assert "somebody who has left" in page.content.decode()
    assert press(client, scene, form_of(page), "save").status_code == 302
    assert alert_settings(scene.project, reveal=True) == full


def test_the_lock_of_a_full_plan_stops_saving_and_not_looking(
    scene: Scene, client: Client, full: dict[str, Any], settings: Any
) -> None:
    settings.PROFILE = "saas"
    Workspace.objects.filter(pk=scene.workspace.pk).update(limit_overrides={"devicesPerProject": 0})
    form = form_of(client.get(path(scene)))
    assert press(client, scene, form, "save").status_code == 403
    assert press(client, scene, form, "preview").status_code == 200
    assert alert_settings(scene.project, reveal=True) == full


def told(page: Any) -> list[tuple[str, str, str, str]]:
    return [(line.after, line.who, line.kind, line.why) for line in page.context["lines"]]


def test_a_preview_tells_of_what_is_typed_and_not_of_what_is_saved(
    scene: Scene, client: Client, full: dict[str, Any]
) -> None:
    form = form_of(client.get(path(scene))) | {
        "preview.severity": ["warning"],
        "preview.opened": ["2026-03-03T12:00"],  # a Tuesday: the schedule is staffed on Mondays only
        "preview.resolved": ["20"],
        "escalation.steps[1].afterMinutes": ["5"],
        "channels[1].name": ["Hook"],
    }
    page = press(client, scene, form, "preview")

    assert page.status_code == 200
    assert told(page) == [
        ("+30 s", "Hook", "open", ""),
        ("+30 s", "whoever is on call (main)", "skipped", "Nobody is on call then"),
        ("+5 min", "Ana Ruiz", "open", ""),
        ("+20 min", "Hook", "resolved", ""),
        ("+20 min", "Ana Ruiz", "resolved", ""),
    ]
    assert "Tue 3 Mar, 12:05" in page.content.decode()
    assert alert_settings(scene.project, reveal=True) == full


def test_a_preview_names_quiet_hours_and_stops_at_the_acknowledgement(
    scene: Scene, client: Client, full: dict[str, Any]
) -> None:
    asked = {"preview.severity": "warning", "preview.opened": "2026-03-02T23:00", "preview.acknowledged": "10"}
    page = client.get(path(scene), asked)
    assert told(page) == [("+30 s", "Everybody of this step", "skipped", "Quiet hours: dropped")]

    loud = client.get(path(scene), {**asked, "preview.severity": "critical"})
    assert [line[1:3] for line in told(loud)] == [("Webhook", "open"), ("whoever is on call (main)", "skipped")]


def test_a_preview_says_that_a_channel_is_off(scene: Scene, client: Client, full: dict[str, Any]) -> None:
    form = form_of(client.get(path(scene))) | {"escalation.steps[0].targets": ["channel:ch_sms"]}
    page = press(client, scene, form, "preview", **{"preview.acknowledged": "1"})
    assert told(page) == [("+30 s", "SMS", "skipped", "The channel is switched off")]


def test_a_preview_of_faults_says_the_faults(scene: Scene, client: Client, full: dict[str, Any]) -> None:
    form = form_of(client.get(path(scene)))
    page = press(client, scene, form, "preview", openAfterSeconds="x")
    assert page.status_code == 400
    assert "lines" not in page.context
    page = press(client, scene, form, "preview", **{"preview.resolved": "never", "preview.opened": "-"})
    assert "Minutes, 0 to 43200, or nothing." in page.content.decode()
    assert "Must be a date and a time." in page.content.decode()


def test_a_viewer_previews_what_is_saved(scene: Scene, full: dict[str, Any]) -> None:
    asked = {"preview.severity": "critical", "preview.opened": "2026-03-03T12:00", "preview.acknowledged": "10"}
    page = scene.client(scene.viewer).get(path(scene), asked)
    assert ("+30 s", "Webhook", "open", "") in told(page)


def test_the_overview_names_projects_that_nobody_hears_of_first(
    scene: Scene, client: Client, full: dict[str, Any]
) -> None:
    factories.make_project(scene.workspace, "zurich", name="Zurich", now=scene.now - timedelta(days=1))
    page = client.get(scene.path("alerts/"))

    assert [(row.project.name, row.unheard) for row in page.context["rows"]] == [
        ("Zurich", True),
        ("Berlin branch", False),
    ]
    assert "Nobody is told yet of 1 of 2 projects." in page.content.decode()
    assert page.context["rows"][1].hears == "whoever is on call (main), Webhook, Ana Ruiz"
