"""Every way in, tried after a workspace was closed: it answers what one that never was answers; another's is open."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.models import User
from apps.devices.services import renew_heartbeat_token
from apps.nodes import services as nodes
from apps.nodes.selectors import secret_of
from apps.operations.closing import close_workspace
from apps.projects.actors import actor_of
from apps.statuspages import services as statuspages
from apps.tokens.logins import login_of, open_session, set_login_password
from apps.workspaces.invitations import invite
from apps.workspaces.models import Membership, Workspace
from dashmon.public import PublicPages
from tests import factories
from tests.contracts.dash.reporting import CASES
from tests.contracts.hot import Door
from tests.dashmon.test_public import Behind, ask

PASSWORD = "Opens-The-Dash"
Answer = tuple[int, str]


@dataclass
class Keys:
    """Everything that opens one workspace."""

    slug: str
    user: User
    token: str
    job: str
    secret: str
    access: str
    refresh: str
    page: str
    domain: str
    invitation: str
    invited: User
    password: str = PASSWORD

    def client(self, user: User | None = None, **cookies: str) -> Client:
        client = Client(raise_request_exception=False)
        if user is not None:
            client.force_login(user)
            session = client.session
            session["workspace"] = self.slug
            session.save()
        for name, value in cookies.items():
            client.cookies[name] = value
        return client

    @property
    def host(self) -> str:
        return f"{self.slug}.localhost"


def keys(name: str, now: datetime) -> Keys:
    """A workspace that is open in every way there is."""
    user = factories.make_user(f"owner@{name}.example")
    workspace = factories.make_workspace(owner=user, name=name, slug=name, now=now)
    project = factories.make_project(workspace, "berlin", now=now)
    job = factories.make_device(project, "Backup", kind="heartbeat", now=now)
    node = nodes.create_node(workspace=workspace, name="web", actor="ana", now=now)
    set_login_password(workspace=workspace, surface="dash", password=f"{PASSWORD}-{name}", now=now)
    login = login_of(workspace, "dash")
    assert login is not None
    passes = open_session(login=login, persistent=True, now=now)
    assert passes is not None
    page, _ = statuspages.create_page(
        workspace=workspace, values={"name": name, "slug": f"{name}-status"}, projects=[project], now=now
    )
    statuspages.set_domain(page=page, hostname=f"status.{name}.example", now=now)
    invited = factories.make_user(f"invited@{name}.example")
    _, invitation = invite(
        workspace=workspace, email=invited.email, role="viewer", project_keys=None, invited_by=user, now=now
    )
    return Keys(
        slug=workspace.slug,
        user=user,
        token=factories.make_token(workspace, now=now)[1],
        job=renew_heartbeat_token(device=job, now=now),
        secret=secret_of(node) or "",
        access=passes.access,
        refresh=passes.refresh,
        page=page.slug,
        domain=f"status.{name}.example",
        invitation=invitation,
        invited=invited,
        password=f"{PASSWORD}-{name}",
    )


@pytest.fixture
def nothing(db: None) -> Keys:
    """What somebody made up, who has an account and no workspace."""
    someone = factories.make_user("nobody@nowhere.example")
    lost = factories.make_user("lost@nowhere.example")
    return Keys("nowhere", someone, "dm_live_x", "hb_x", "x", "x", "x", "nowhere", "no.example", "inv_x", lost)


def through(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    data = "" if body is None else json.dumps(body)
    answer = client.generic(method, path, data, content_type="application/json", headers=named)
    return answer.status_code, answer.headers.get("Location", "")


def hot(path: str, body: Any = b"", **options: Any) -> Answer:
    return Door()(path, body, **options).status, ""


def public_form(form: str, k: Keys) -> Answer:
    return through(k.client(), "GET", f"/status/{k.page}{form}")


REPORT, STATIC = CASES[0]["report"], CASES[0]["static"]
PAGE_FORMS = ("", "/feed.rss", "/feed.atom", "/feed.json", "/calendar.ics", "/badge.svg", "/embed", "/history")
WAYS: dict[str, Callable[[Keys], Answer]] = {
    "pages": lambda k: through(k.client(k.user), "GET", f"/app/w/{k.slug}/"),
    "settings": lambda k: through(k.client(k.user), "GET", f"/app/w/{k.slug}/settings/"),
    "a write of a page": lambda k: through(k.client(k.user), "POST", f"/app/w/{k.slug}/profile/"),
    "deleting it again": lambda k: through(k.client(k.user), "POST", f"/app/w/{k.slug}/settings/delete"),
    "the last one looked at": lambda k: through(k.client(k.user), "GET", "/app/"),
    "an invitation's page": lambda k: through(k.client(), "GET", f"/invitations/{k.invitation}"),
    "an invitation taken": lambda k: through(k.client(k.invited), "POST", f"/invitations/{k.invitation}"),
    "api by session": lambda k: through(k.client(k.user), "GET", "/api/projects"),
    "api by token": lambda k: through(k.client(), "GET", "/api/projects", Authorization=f"Bearer {k.token}"),
    "api by token on its host": lambda k: through(
        k.client(), "GET", "/api/projects", Authorization=f"Bearer {k.token}", Host=k.host
    ),
    "api by token below its path": lambda k: through(
        k.client(), "GET", f"/w/{k.slug}/api/projects", Authorization=f"Bearer {k.token}"
    ),
    "a signal to django": lambda k: through(k.client(), "POST", f"/ping/{k.job}"),
    "a report to django": lambda k: through(k.client(), "POST", "/api/node/metrics", REPORT, X_Node_Secret=k.secret),
    "dash by password": lambda k: through(
        k.client(), "POST", "/api/auth/login", {"password": k.password, "persistence": "session", "username": k.slug}
    ),
    "dash by password on its host": lambda k: through(
        k.client(), "POST", "/api/auth/login", {"password": k.password, "persistence": "session"}, Host=k.host
    ),
    "dash by refresh": lambda k: through(
        k.client(refresh=k.refresh, csrf="c"), "POST", "/api/auth/refresh", X_CSRF_Token="c"
    ),
    "dash by access": lambda k: through(k.client(), "GET", "/api/admin/nodes", Authorization=f"Bearer {k.access}"),
    "dash as a guest": lambda k: through(k.client(), "GET", "/api/front/brand", Host=k.host),
    **{f"status page {form}": partial(public_form, form) for form in PAGE_FORMS},
    "status page by api": lambda k: through(k.client(), "GET", f"/api/public/status-pages/{k.page}"),
    "status page at its own name": lambda k: through(k.client(), "GET", "/", Host=k.domain),
    "a subscription": lambda k: through(k.client(), "POST", f"/status/{k.page}/subscribe"),
}
# Through a thread that writes, with a connection of its own.
HOT_WAYS: dict[str, Callable[[Keys], Answer]] = {
    "a signal": lambda k: hot(f"/ping/{k.job}"),
    "a signal by its longer path": lambda k: hot(f"/api/incoming/heartbeat/{k.job}"),
    "a report": lambda k: hot("/api/node/metrics", REPORT, secret=k.secret),
    "a report on its host": lambda k: hot("/api/node/metrics", REPORT, secret=k.secret, host=k.host),
    "static facts": lambda k: hot("/api/node/static", STATIC, secret=k.secret),
    "an identity": lambda k: hot("/api/node/identity", {}, secret=k.secret),
}


@pytest.fixture(autouse=True)
def _hosts(settings: Any) -> None:
    settings.TENANT_DOMAIN = "localhost"
    settings.BASE_URL = "http://testserver"
    settings.PROFILE = "self_hosted"
    settings.RATE_LIMITS = False


@pytest.fixture
def pair(db: None, settings: Any) -> tuple[Keys, Keys]:
    """The default workspace, which will be closed, and another one."""
    now = timezone.now()
    return keys("goes", now), keys("stays", now)


def close(slug: str) -> None:
    workspace = Workspace.objects.get(slug=slug)
    seat = Membership.objects.of(workspace).select_related("user").get(role="owner")
    close_workspace(workspace=workspace, actor=actor_of(seat, seat.user), now=timezone.now())


@pytest.mark.parametrize("way", WAYS)
def test_it_answers_like_one_that_never_was(way: str, pair: tuple[Keys, Keys], nothing: Keys) -> None:
    _try(WAYS[way], *pair, nothing)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("way", HOT_WAYS)
def test_agents_and_jobs_are_answered_like_strangers(way: str, nothing: Keys) -> None:
    now = timezone.now()
    _try(HOT_WAYS[way], keys("goes", now), keys("stays", now), nothing)


def _try(come_in: Callable[[Keys], Answer], goes: Keys, stays: Keys, nothing: Keys) -> None:
    before = come_in(goes)
    close(goes.slug)

    after, unknown = come_in(goes), come_in(nothing)

    assert after == unknown
    assert after != before
    assert come_in(stays)[0] == before[0]


def test_a_kept_page_leaves_the_shelf_at_once(pair: tuple[Keys, Keys]) -> None:
    goes, stays = pair
    behind = Behind()
    door = PublicPages(behind)
    for page in (goes.page, stays.page):
        Client().get(f"/status/{page}", headers={"host": "testserver"})
        assert ask(door, f"/status/{page}")["status"] == 200

    close(goes.slug)

    assert [ask(door, f"/status/{page}")["status"] for page in (goes.page, stays.page)] == [204, 200]


def test_the_default_workspaces_front_and_guests_find_nobody(pair: tuple[Keys, Keys]) -> None:
    goes, _ = pair
    brand = through(Client(), "GET", "/api/front/brand")
    close(goes.slug)

    assert brand[0] == 200
    assert through(Client(), "GET", "/api/front/brand")[0] == 404
