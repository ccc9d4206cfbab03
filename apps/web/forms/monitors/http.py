"""A web address: the request, what its answer must look like, certificate and registration."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from apps.devices.models import Device
from apps.web.forms.monitors.base import Document, MonitorForm, split

# Assertions this form writes; others, set over the API, are kept as they are.
OURS = ("page-status", "page-text", "page-json")
JSON_OPERATORS = (
    ("eq", "equals"),
    ("ne", "is not"),
    ("gt", "is above"),
    ("lt", "is below"),
    ("contains", "contains"),
    ("exists", "exists"),
)


class HttpForm(MonitorForm):
    kind = Device.Kind.HTTP
    url = forms.CharField(
        label="Address", max_length=2048, widget=forms.URLInput(attrs={"placeholder": "https://shop.example/health"})
    )
    method = forms.ChoiceField(
        label="Method", choices=[(word, word) for word in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")]
    )
    expected = forms.CharField(
        label="Expected answer",
        required=False,
        help_text="Status codes that count as up: 200-299, 304. Empty: everything below 500.",
    )
    text = forms.CharField(label="Text in the answer", required=False, help_text="Looked for in the first 1 MiB.")
    json_path = forms.CharField(label="JSON path", required=False, help_text="For example $.db.status")
    json_op = forms.ChoiceField(label="Comparison", choices=JSON_OPERATORS, required=False)
    json_value = forms.CharField(label="Value", required=False)
    headers = forms.CharField(
        label="Request headers",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One on each line: Accept: application/json",
    )
    body = forms.CharField(label="Request body", required=False, widget=forms.Textarea(attrs={"rows": 2}))
    timeout_s = forms.IntegerField(label="Give up after (seconds)", min_value=1, max_value=60, initial=15)
    degraded_ms = forms.IntegerField(label="Call it slow over (ms)", min_value=1, max_value=600_000, required=False)
    follow = forms.BooleanField(label="Follow redirects", required=False, initial=True)
    certificate = forms.BooleanField(
        label="Watch the certificate",
        required=False,
        initial=True,
        help_text="Warns 30 days before it ends, urgently from 7 days.",
    )
    registration = forms.BooleanField(
        label="Watch the domain's registration", required=False, help_text="Warns 30 days before it runs out."
    )
    main = ("url", "method", "expected", "text")
    rules = (
        "timeout_s",
        "degraded_ms",
        "certificate",
        "registration",
        "follow",
        "json_path",
        "json_op",
        "json_value",
        "headers",
        "body",
    )
    paths: ClassVar[Mapping[str, str]] = {
        "request.url": "url",
        "request.method": "method",
        "request.body": "body",
        "request.timeoutMs": "timeout_s",
        "request.headers": "headers",
        "degradedMs": "degraded_ms",
    }

    def synthetic(self, stored: Mapping[str, Any] | None) -> Document:
        data, before = self.cleaned_data, dict(stored or {})
        kept = [rule for rule in before.get("assertions") or [] if rule.get("id") not in OURS]
        request = {
            **(before.get("request") or {}),
            "method": data["method"],
            "headers": self._headers(),
            "body": data["body"] or None,
            "timeoutMs": data["timeout_s"] * 1000,
            "followRedirects": data["follow"],
        }
        document = {
            "enabled": True,
            "request": request,
            "degradedMs": data["degraded_ms"],
            "assertions": [*self._assertions(), *kept],
            "tls": {**(before.get("tls") or {}), "enabled": data["certificate"]},
            "domain": {**(before.get("domain") or {}), "enabled": data["registration"]},
        }
        # The device's own address is asked; a document that names another one came over the API.
        request.setdefault("url", None)
        return document

    def names(self) -> dict[str, str]:
        """Assertions are named by their place in the list, which depends on what was filled in."""
        fields = {"page-status": "expected", "page-text": "text", "page-json": "json_value"}
        found = super().names()
        for index, rule in enumerate(self._assertions()):
            found[f"assertions[{index}]"] = fields[rule["id"]]
            if rule["id"] == "page-json":
                found[f"assertions[{index}].path"] = "json_path"
        return found

    def _headers(self) -> dict[str, str]:
        pairs = [line.partition(":") for line in self.cleaned_data["headers"].splitlines() if line.strip()]
        return {name.strip(): value.strip() for name, _, value in pairs}

    def _assertions(self) -> list[Document]:
        data, rules = self.cleaned_data, []
        if data["expected"]:
            codes = [int(word) if word.isdecimal() else word for word in split(data["expected"])]
            rules.append({"id": OURS[0], "source": "status_code", "op": "in", "value": codes})
        if data["text"]:
            rules.append({"id": OURS[1], "source": "body", "op": "contains", "value": data["text"]})
        if data["json_path"]:
            rule = {"id": OURS[2], "source": "json", "path": data["json_path"], "op": data["json_op"] or "exists"}
            if rule["op"] != "exists":
                rule["value"] = _json_value(data["json_value"])
            rules.append(rule)
        return rules

    @classmethod
    def initial_documents(cls, device: Device) -> Document:
        document = device.synthetic or {}
        request = document.get("request") or {}
        rules = {rule.get("id"): rule for rule in document.get("assertions") or []}
        status, text, json_rule = (rules.get(name, {}) for name in OURS)
        return {
            "method": request.get("method", "GET"),
            "expected": ", ".join(str(code) for code in status.get("value", [])),
            "text": text.get("value", ""),
            "json_path": json_rule.get("path", ""),
            "json_op": json_rule.get("op", "eq"),
            "json_value": _spelled(json_rule.get("value")),
            "headers": "\n".join(f"{name}: {value}" for name, value in (request.get("headers") or {}).items()),
            "body": request.get("body") or "",
            "timeout_s": (request.get("timeoutMs") or 15_000) // 1000,
            "degraded_ms": document.get("degradedMs"),
            "follow": request.get("followRedirects", True),
            "certificate": (document.get("tls") or {}).get("enabled", False),
            "registration": (document.get("domain") or {}).get("enabled", False),
        }


def _json_value(text: str) -> Any:
    """A number, true, false or null as JSON has them; anything else is a text."""
    lowered = text.strip().lower()
    if lowered in {"true", "false", "null"}:
        return {"true": True, "false": False, "null": None}[lowered]
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


def _spelled(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
