"""Rules: when something is bad enough. A list in words, a form for one's own, a switch for all."""

from dataclasses import replace
from typing import Any

from django.db import transaction
from django.http import Http404, HttpResponse

from apps.alerts import services
from apps.alerts.documents import RuleDraft
from apps.alerts.models import AlertRule
from apps.alerts.selectors import rule_by_number, rules_of
from apps.common.errors import DomainError, NotFoundError
from apps.common.values import SubjectKind
from apps.devices.selectors import devices_of
from apps.pipeline import rules as pipeline
from apps.web.access import WorkspacePage
from apps.web.forms.faults import blame
from apps.web.forms.rules import FIELDS, KINDS, RichRuleForm, RuleForm, fits, initial_of
from apps.web.presenters import rules as presenter


class RulePage(WorkspacePage):
    """What every page about rules begins with."""

    section = "alerts"
    permission = "alerts.read"
    write_permission = "alerts.write"

    def rule(self, number: str) -> AlertRule:
        """The rule of an address; built-in ones carry a minus."""
        digits = number.removeprefix("-")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 9:
            raise NotFoundError("There is no such rule.")
        return rule_by_number(self.workspace, int(number))


class AlertRules(RulePage):
    """Every rule: people's own, then the built-in ones."""

    def get(self, *_: Any) -> HttpResponse:
        rows = presenter.rows(rules_of(self.workspace))
        own, built_in = ([row for row in rows if row.rule.built_in is kind] for kind in (False, True))
        return self.render("web/alert_rules.html", {"own": own, "built_in": built_in, "tab": "rules"})


class RuleFormPage(RulePage):
    """A page with the form of a rule; it is for those who may save it."""

    permission = "alerts.write"

    def form(self, kind: SubjectKind, data: Any = None, *, rule: RuleDraft | None = None) -> RuleForm:
        monitors = devices_of(self.workspace).order_by("name", "id") if kind == "device" else ()
        initial = initial_of(rule) if rule is not None else None
        return RuleForm(data, initial=initial, kind=kind, monitors=monitors)

    def page(
        self, form: RuleForm | RichRuleForm, *, kind: str, rule: AlertRule | None = None, status: int = 200
    ) -> HttpResponse:
        context = {
            "form": form,
            "kind": kind,
            "kinds": KINDS,
            "rule": rule,
            "row": presenter.rows([rule])[0] if rule is not None else None,
            "rich": isinstance(form, RichRuleForm),
        }
        return self.render("web/alert_rule_form.html", context, status=status)

    def draft(self, form: RuleForm | RichRuleForm, before: RuleDraft | None = None) -> RuleDraft:
        if isinstance(form, RuleForm):
            return form.draft(zone=self.workspace.timezone, now=self.now, before=before)
        assert before is not None
        return replace(before, name=form.cleaned_data["name"], severity=form.cleaned_data["severity"])


class NewRule(RuleFormPage):
    """A new rule about monitors, nodes or containers."""

    def _kind(self) -> SubjectKind:
        asked = self.request.GET.get("kind", "device")
        return next((kind for kind, _ in KINDS if kind == asked), "device")

    def get(self, *_: Any) -> HttpResponse:
        return self.page(self.form(self._kind()), kind=self._kind())

    @transaction.atomic
    def post(self, *_: Any) -> HttpResponse:
        form = self.form(self._kind(), self.request.POST)
        if not form.is_valid():
            return self.page(form, kind=self._kind(), status=400)
        try:
            rule = services.create_rule(
                workspace=self.workspace, draft=self.draft(form), actor=self.actor.label, now=self.now
            )
        except DomainError as error:
            blame(form, error, FIELDS)
            return self.page(form, kind=self._kind(), status=400)
        return self.done(f"Rule {rule.name} is in force.", self.address("alert-rules"))


class EditRule(RuleFormPage):
    """A rule of people's own; built-in ones have no form."""

    def _own(self, number: str) -> tuple[AlertRule, RuleDraft]:
        rule = self.rule(number)
        if rule.built_in:
            raise Http404("Built-in rules have no form.")
        return rule, services.draft_of(rule)

    def _form(self, draft: RuleDraft, data: Any = None) -> RuleForm | RichRuleForm:
        if fits(draft):
            return self.form(draft.subject_kind, data, rule=draft)
        return RichRuleForm(data, initial={"name": draft.name, "severity": draft.severity})

    def get(self, _: Any, number: str) -> HttpResponse:
        rule, draft = self._own(number)
        return self.page(self._form(draft), kind=draft.subject_kind, rule=rule)

    @transaction.atomic
    def post(self, _: Any, number: str) -> HttpResponse:
        rule, before = self._own(number)
        form = self._form(before, self.request.POST)
        if not form.is_valid():
            return self.page(form, kind=before.subject_kind, rule=rule, status=400)
        try:
            pipeline.update_rule(rule=rule, draft=self.draft(form, before), actor=self.actor.label, now=self.now)
        except DomainError as error:
            blame(form, error, FIELDS)
            return self.page(form, kind=before.subject_kind, rule=rule, status=400)
        return self.done("The rule is saved.", self.address("alert-rules"))


class SwitchRule(RulePage):
    """On or off, for any rule."""

    def post(self, _: Any, number: str) -> HttpResponse:
        rule = self.rule(number)
        enabled = self.request.POST.get("enabled") == "on"
        pipeline.switch_rule(rule=rule, enabled=enabled, actor=self.actor.label, now=self.now)
        said = "is on" if enabled else "is off; what it had open is closed"
        return self.done(f"Rule {rule.name} {said}.", self.address("alert-rules"))


class DeleteRule(RulePage):
    """The end of a rule; what it once opened stays to be read."""

    # Fewer rules is never what a full plan minds.
    obeys_lock = False

    def post(self, _: Any, number: str) -> HttpResponse:
        rule = pipeline.delete_rule(rule=self.rule(number), actor=self.actor.label, now=self.now)
        return self.done(f"Rule {rule.name} is deleted.", self.address("alert-rules"))
