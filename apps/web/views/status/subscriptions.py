"""Asking for updates, saying yes, and leaving. No answer tells whether an address was known."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from apps.common.errors import InvalidInputError
from apps.statuspages import services
from apps.statuspages.models import Subscriber
from apps.web.views.status.public import PublicPage, caller, tries


class Subscribe(PublicPage):
    """The form below a page."""

    def get(self, _: HttpRequest) -> HttpResponse:
        if not self._offered():
            return self.locked()
        return self.said("said", {"heading": self.look.say("get_updates"), "sentence": "", "form": True})

    def post(self, request: HttpRequest) -> HttpResponse:
        if not self._offered():
            return self.locked()
        if settings.RATE_LIMITS and tries.count(caller(request), self.page.slug, self.now.timestamp()):
            return self._answer("get_updates", "too_many", status=429)
        email, webhook = request.POST.get("email", "").strip(), request.POST.get("webhook", "").strip()
        kind = Subscriber.Kind.EMAIL if email else Subscriber.Kind.WEBHOOK
        if self.is_foreign():
            return self._answer("get_updates", "subscribe_bad", status=403, form=True)
        try:
            services.subscribe(
                page=self.page,
                kind=kind,
                address=email or webhook,
                language=self.look.spelling.language,
                now=self.now,
            )
        except InvalidInputError:
            return self._answer("get_updates", "subscribe_bad", status=400, form=True)
        return self._answer("subscribe_done", "subscribe_sent")

    def _offered(self) -> bool:
        return self.page.subscribers_enabled and self.is_open()

    def _answer(self, heading: str, sentence: str, *, status: int = 200, form: bool = False) -> HttpResponse:
        context = {"heading": self.look.say(heading), "sentence": self.look.say(sentence), "form": form}
        return self.said("said", context, status=status)


class Confirm(PublicPage):
    """The link of the first message. Looking at it confirms nothing: mail scanners look at everything."""

    def get(self, _: HttpRequest, token: str) -> HttpResponse:
        context = {
            "heading": self.look.say("confirm_title"),
            "sentence": self.look.say("confirm_text", page=self.page.name),
            "action": self.path(f"confirm/{token}"),
            "button": self.look.say("confirm"),
        }
        return self.said("said", context)

    def post(self, _: HttpRequest, token: str) -> HttpResponse:
        if not services.confirm(page=self.page, token=token, now=self.now):
            context = {"heading": self.look.say("link_dead"), "sentence": self.look.say("link_dead_text")}
            return self.said("said", context, status=410)
        context = {"heading": self.look.say("confirmed"), "sentence": self.look.say("confirmed_text")}
        return self.said("said", context)


class Unsubscribe(PublicPage):
    """The way out: a button for people, one POST for mail programs (RFC 8058)."""

    def get(self, _: HttpRequest, token: str) -> HttpResponse:
        context = {
            "heading": self.look.say("unsubscribe_title"),
            "sentence": self.look.say("unsubscribe_text", page=self.page.name),
            "action": self.path(f"unsubscribe/{token}"),
            "button": self.look.say("unsubscribe"),
        }
        return self.said("said", context)

    def post(self, _: HttpRequest, token: str) -> HttpResponse:
        services.unsubscribe(page=self.page, token=token)
        return self.said("said", {"heading": self.look.say("unsubscribed"), "sentence": ""})
