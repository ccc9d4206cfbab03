"""The person's own browsers as places that are told, and the script that shows what arrives."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_safe

from apps.common.errors import DomainError
from apps.notifications import services
from apps.notifications.services import browsers
from apps.web.access import WorkspacePage

WORKER = settings.BASE_DIR / "static" / "js" / "push-worker.js"


@require_safe
def push_worker(_: HttpRequest) -> HttpResponseBase:
    """The service worker. It is served from here because a worker governs only what lies below its own address."""
    response = FileResponse(WORKER.open("rb"), content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


class BrowserPage(WorkspacePage):
    """What a person does to their own browsers; back to the profile."""

    section = "profile"
    permission = "preferences.self"
    obeys_lock = False

    def back(self) -> HttpResponse:
        return redirect(f"{self.address('profile')}#browsers")


class AddBrowser(BrowserPage):
    """The browser itself filled in the form."""

    def post(self, *_: Any) -> HttpResponse:
        sent = self.request.POST
        subscription = {
            "endpoint": sent.get("endpoint"),
            "keys": {"p256dh": sent.get("p256dh"), "auth": sent.get("auth")},
        }
        try:
            browsers.add_browser(
                seat=self.seat,
                subscription=subscription,
                name=sent.get("name", ""),
                actor=self.actor.label,
                now=self.now,
            )
        except DomainError as error:
            messages.error(self.request, error.message)
        else:
            messages.success(self.request, "This browser is told from now on.")
        return self.back()


class TestBrowser(BrowserPage):
    """A real message, and what really came of it."""

    __test__ = False

    def post(self, _: Any, number: int) -> HttpResponse:
        channel = browsers.browser_by_number(self.seat, number)
        try:
            outcomes = services.send_channel_test(channel=channel, now=self.now)
        except DomainError as error:
            messages.error(self.request, error.message)
            return self.back()
        for outcome in outcomes:
            say = messages.success if outcome.ok else messages.error
            say(self.request, outcome.result)
        return self.back()


class RemoveBrowser(BrowserPage):
    """It is told no more."""

    def post(self, _: Any, number: int) -> HttpResponse:
        browsers.remove_browser(seat=self.seat, number=number, actor=self.actor.label, now=self.now)
        messages.success(self.request, "That browser is told no more.")
        return self.back()
