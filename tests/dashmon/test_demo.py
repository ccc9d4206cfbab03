"""The demo fills a workspace that has something to show on every page, and finds its targets again when restarted."""

import pytest

from apps.incidents.models import Incident
from apps.notifications.models import Delivery
from apps.notifications.services import alert_settings, fan_out
from apps.projects.models import Project
from apps.reports.models import ReportSchedule
from apps.statuspages.models import StatusPage
from apps.statuspages.selectors import posts_of
from apps.statuspages.threads import threads_of
from dashmon.demo import __main__ as demo
from dashmon.demo import past
from dashmon.demo.targets import Targets


@pytest.mark.django_db
def test_a_demo_has_trouble_routing_a_page_and_a_report_and_can_be_started_again(monkeypatch, now) -> None:
    monkeypatch.setattr(past, "DAYS", 1)
    monkeypatch.setattr("django.utils.timezone.now", lambda: now)
    demo.fill(Targets())

    wrong = Incident.objects.filter(closed_at__isnull=True)
    assert {incident.subject_name for incident in wrong} == {"Payments gateway", "Door controller", "db-eu-1"}
    # What was over before there was a routing is told to nobody.
    assert fan_out(now=now, limit=500) == 3
    assert {delivery.incident for delivery in Delivery.objects.all()} <= set(wrong)
    page = StatusPage.objects.get(slug="demo")
    stories = threads_of(posts_of(page, now=now))
    assert [story.phase(now) for story in stories if story.title == "Shop and checkout do not answer"] == ["past"]
    assert ReportSchedule.objects.get().recipients == [demo.OWNER]

    demo.fill(again := Targets())

    settings = alert_settings(Project.objects.get(key="shop"), reveal=True)
    assert [channel["url"] for channel in settings["channels"]] == [again.url("/hook")]
    assert settings["quietHours"]["enabled"]
    assert settings["onCall"][0]["overrides"]
