"""The workspace's own rules: e-mail, SMS and the webhook, each with a test."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect

from apps.common.errors import DomainError, PremiumRequiredError
from apps.notifications import services
from apps.notifications.kinds import ChannelKind
from apps.web.forms.faults import blame
from apps.web.forms.messages import EmailRuleForm, SmsRuleForm, WebhookForm
from apps.web.views.alerts import AlertsPage
from apps.web.views.projects import visible_projects
from apps.workspaces.selectors import owner_of
from apps.workspaces.usage import plan_of

TESTABLE = (ChannelKind.EMAIL, ChannelKind.SMS, ChannelKind.WEBHOOK)


class MessagesPage(AlertsPage):
    """Three rules, each with its form; the one that was sent comes back as it was typed."""

    tab = "workspace"

    def page(
        self,
        *,
        email: EmailRuleForm | None = None,
        sms: SmsRuleForm | None = None,
        webhook: WebhookForm | None = None,
        secret: str | None = None,
        status: int = 200,
    ) -> HttpResponse:
        rule, text = services.email_rule(self.workspace), services.sms_rule(self.workspace)
        hook = services.webhook_rule(self.workspace)
        reveal = self.may("secrets.read")
        forms = {
            "email": email or EmailRuleForm(initial=EmailRuleForm.initial_of(rule), auto_id="email-%s"),
            "sms": sms or SmsRuleForm(initial=SmsRuleForm.initial_of(text), projects=visible_projects(self)),
            "webhook": webhook or WebhookForm(initial={"enabled": hook.enabled, "url": hook.url}, auto_id="webhook-%s"),
        }
        context = forms | {
            "forms": [form for form in forms.values() if form.errors],
            "email_rule": rule,
            "sms_rule": text,
            "webhook_rule": hook,
            "secret": secret,
            "reveal": reveal,
            "owner": owner_of(self.workspace),
        }
        return self.show("web/alerts_workspace.html", context, status=status)

    def ensure_sms(self) -> None:
        """SMS costs money with every message."""
        if plan_of(self.workspace, now=self.now) == "free":
            raise PremiumRequiredError("SMS needs the Premium plan.")


class WorkspaceMessages(MessagesPage):
    """The page, and the form that was sent from it."""

    def get(self, *_: Any) -> HttpResponse:
        return self.page()

    def post(self, *_: Any) -> HttpResponse:
        rule = self.request.POST.get("rule")
        if rule == "webhook":
            return self._webhook(WebhookForm(self.request.POST, auto_id="webhook-%s"))
        if rule == "sms":
            self.ensure_sms()
            return self._sms(SmsRuleForm(self.request.POST, projects=visible_projects(self)))
        return self._email(EmailRuleForm(self.request.POST, auto_id="email-%s"))

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
        return self.done("The e-mail rule is saved.", self.address("alerts-workspace"))

    def _sms(self, form: SmsRuleForm) -> HttpResponse:
        if not form.is_valid():
            return self.page(sms=form, status=400)
        data = form.cleaned_data
        try:
            services.set_sms_rule(
                workspace=self.workspace,
                enabled=data["enabled"],
                to=data["to"],
                cooldown_minutes=data["cooldown"],
                overrides=form.overrides(),
                actor=self.actor.label,
                now=self.now,
            )
        except DomainError as error:
            blame(form, error, form.names())
            return self.page(sms=form, status=400)
        return self.done("The SMS rule is saved.", self.address("alerts-workspace"))

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
        return self.done("The webhook is saved.", self.address("alerts-workspace"))


class TestAlert(MessagesPage):
    """Send a real message now and say what came of it."""

    __test__ = False

    def post(self, _: Any, kind: str) -> HttpResponse:
        if kind not in TESTABLE:
            raise Http404
        if kind == ChannelKind.SMS:
            self.ensure_sms()
        try:
            outcomes = services.send_test(workspace=self.workspace, kind=ChannelKind(kind), now=self.now)
        except DomainError as error:
            messages.error(self.request, error.message)
            return redirect(self.address("alerts-workspace"))
        for outcome in outcomes:
            said = f": {outcome.result}" if outcome.result else ""
            if outcome.ok:
                messages.success(self.request, f"Test to {outcome.recipient} was accepted{said}")
            else:
                messages.error(self.request, f"Test to {outcome.recipient} failed{said}")
        return redirect(self.address("alerts-workspace"))
