"""Who hears of the demo's trouble, and what its visitors and its board are told."""

from datetime import datetime, timedelta
from typing import Any

from apps.accounts.models import User
from apps.accounts.verification import vouch_for
from apps.notifications.services import alert_settings, set_alert_settings
from apps.projects.models import Project
from apps.reports.services import Wish, create_schedule
from apps.statuspages.services import create_page, publish
from apps.workspaces.models import Membership, Workspace
from apps.workspaces.services import add_seat
from dashmon.demo.cast import COLLEAGUES, POSTS
from dashmon.demo.past import start_of

ZONE, HOOK = "Europe/Berlin", "operations-desk"
DAY = timedelta(days=1)


def seat_colleagues(workspace: Workspace, *, now: datetime) -> None:
    """People who take turns on call. Nobody signs in as them: they have no password."""
    for address, name in COLLEAGUES.items():
        user = User.objects.create_user(address, name=name)
        vouch_for(user)
        add_seat(workspace=workspace, user=user, role=Membership.Role.EDITOR, now=now)


def set_routing(workspace: Workspace, *, hook: str, actor: str, now: datetime) -> None:
    """Every project's routing: a webhook at once, whoever is on call after a quarter of an hour, quiet nights."""
    seats = Membership.objects.of(workspace).filter(user__isnull=False).order_by("number")
    members = [str(seat.user.public_id) for seat in seats.select_related("user") if seat.user is not None]
    for project in Project.objects.of(workspace):
        set_alert_settings(project=project, document=_routing(members, hook, now), actor=actor, now=now)


def move_hook(workspace: Workspace, *, hook: str, actor: str, now: datetime) -> None:
    """Point the webhook of every routing at another address; what people have changed otherwise stays."""
    for project in Project.objects.of(workspace):
        document = alert_settings(project, reveal=True)
        for channel in document["channels"]:
            if channel["id"] == HOOK:
                channel["url"] = hook
        set_alert_settings(project=project, document=document, actor=actor, now=now)


def _routing(members: list[str], hook: str, now: datetime) -> dict[str, Any]:
    nights = {"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "22:00", "end": "07:00"}
    begin = (now + DAY).replace(hour=8, minute=0, second=0, microsecond=0)
    stand_in = {"start": begin.isoformat(), "end": (begin + DAY).isoformat(), "userId": members[0]}
    return {
        "timezone": ZONE,
        "quietHours": {"enabled": True, "mode": "defer", "windows": [nights], "bypassSeverities": ["critical"]},
        "channels": [{"id": HOOK, "type": "webhook", "url": hook, "secret": "demo"}],
        "onCall": [
            {
                "id": "first-line",
                "timezone": ZONE,
                "members": members,
                "startsOn": (now - 30 * DAY).date().isoformat(),
                "shiftDays": 7,
                "handoffTime": "09:00",
                "overrides": [stand_in],
            }
        ],
        "escalation": {
            "steps": [
                {"afterMinutes": 0, "targets": [{"type": "channel", "id": HOOK}]},
                {"afterMinutes": 15, "targets": [{"type": "oncall", "id": "first-line"}]},
            ],
            "repeat": {"times": 1, "everyMinutes": 60},
        },
    }


def tell_the_public(workspace: Workspace, *, now: datetime) -> None:
    """A status page: an incident of three days ago from its first word to its last, one that goes on, a plan."""
    projects = list(Project.objects.of(workspace).filter(key__in=["shop", "platform"]).order_by("-key"))
    values = {"name": "Northwind status", "slug": "demo", "description": "How our shop and its platform are doing."}
    page, _ = create_page(workspace=workspace, values=values, projects=projects, now=now)
    shop = [project for project in projects if project.key == "shop"]
    threads: dict[str, str] = {}
    for post in POSTS:
        at = start_of(post.trouble, now=now) + timedelta(minutes=post.after_min)
        told = publish(
            page=page,
            status=post.status,
            title=post.title,
            body=post.body,
            projects=shop,
            thread=threads.get(post.title),
            now=at,
        )
        threads[post.title] = told.thread
    begin = (now + 3 * DAY).replace(hour=2, minute=0, second=0, microsecond=0)
    publish(
        page=page,
        status="maintenance",
        title="Database upgrade",
        body="The shop is read-only for about an hour. Orders that were placed before are not affected.",
        projects=shop,
        starts_at=begin,
        ends_at=begin + timedelta(hours=1),
        now=now - DAY,
    )


def plan_reports(workspace: Workspace, *, recipient: str, now: datetime) -> None:
    """A report for the board, each Monday morning."""
    wish = Wish(name="Weekly for the board", frequency="weekly", recipients=(recipient,), timezone=ZONE)
    create_schedule(workspace=workspace, wish=wish, actor=recipient, now=now)
