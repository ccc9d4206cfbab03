"""Alerts: the e-mail rule, the webhook, tests and the delivery log."""

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect

from apps.common.errors import DomainError
from apps.common.ids import decode_uuid
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.notifications.selectors import delivery_by_public_id, list_deliveries
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.manage import EmailRuleForm, WebhookForm
from apps.web.paging import read_cursor, write_cursor
from apps.workspaces.selectors import owner_of


class AlertsPage(WorkspacePage):
    """Both rules with their forms, and what was sent."""

    section = "alerts"
    permission = "alerts.read"
    write_permission = "alerts.write"

    def page(
        self,
        *,
        email: EmailRuleForm | None = None,
        webhook: WebhookForm | None = None,
        secret: str | None = None,
        status: int = 200,
    ) -> HttpResponse:
        rule, hook = services.email_rule(self.workspace), services.webhook_rule(self.workspace)
        log = list_deliveries(self.workspace, after=read_cursor(self.request.GET.get("after")))
        context = {
            "email": email
            or EmailRuleForm(
                initial={"enabled": rule.enabled, "to": ", ".join(rule.to), "cooldown": rule.cooldown_minutes}
            ),
            "webhook": webhook or WebhookForm(initial={"enabled": hook.enabled, "url": hook.url}),
            "email_rule": rule,
            "webhook_rule": hook,
            "secret": secret,
            "owner": owner_of(self.workspace),
            "deliveries": log.items,
            "total": log.total,
            "older": write_cursor(log.next),
        }
        return self.render("web/alerts.html", context, status=status)


class Alerts(AlertsPage):
    """The page, and the form that was sent from it."""

    def get(self, *_: Any) -> HttpResponse:
        return self.page()

    def post(self, *_: Any) -> HttpResponse:
        if self.request.POST.get("rule") == "webhook":
            return self._webhook(WebhookForm(self.request.POST))
        return self._email(EmailRuleForm(self.request.POST))

    def _email(self, form: EmailRuleForm) -> HttpResponse:
        if not form.is_valid():
            return self.page(email=form, status=400)
        data = form.cleaned_data
        try:
            services.set_email_rule(
                workspace=self.workspace,
                enabled=data["enabled"],
                cooldown_minutes=data["cooldown"],
                to=data["to"].replace("\n", ","),
                actor=self.actor.label,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error, {"cooldownMinutes": "cooldown"})
            return self.page(email=form, status=400)
        return self.done("The e-mail rule is saved.", self.address("alerts"))

    def _webhook(self, form: WebhookForm) -> HttpResponse:
        if not form.is_valid():
            return self.page(webhook=form, status=400)
        data = form.cleaned_data
        try:
            rule = services.set_webhook_rule(
                workspace=self.workspace,
                enabled=data["enabled"],
                url=data["url"],
                secret=data["secret"] or None,
                actor=self.actor.label,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error)
            return self.page(webhook=form, status=400)
        if rule.new_secret:
            return self.page(secret=rule.new_secret)
        return self.done("The webhook is saved.", self.address("alerts"))


class TestAlert(AlertsPage):
    """Send a real message now and say what came of it."""

    __test__ = False

    def post(self, _: Any, kind: str) -> HttpResponse:
        try:
            outcomes = services.send_test(workspace=self.workspace, kind=ChannelKind(kind), now=self.now)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.address("alerts"))
        for outcome in outcomes:
            said = f": {outcome.result}" if outcome.result else ""
            if outcome.ok:
                messages.success(self.request, f"Test to {outcome.recipient} was accepted{said}")
            else:
                messages.error(self.request, f"Test to {outcome.recipient} failed{said}")
        return redirect(self.address("alerts"))


class RetryDelivery(AlertsPage):
    """Send a message again that was given up."""

    def post(self, _: Any, delivery: str) -> HttpResponse:
        row = delivery_by_public_id(self.workspace, decode_uuid("dlv", delivery))
        services.retry(delivery=row, now=self.now)
        return self.done("The message is on its way again.", self.address("alerts"))
