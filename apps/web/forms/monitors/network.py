"""Ports, hosts, names, certificates and registrations."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from apps.devices import dns_config
from apps.devices.models import Device
from apps.web.forms.monitors.base import Document, MonitorForm, split


class TcpForm(MonitorForm):
    kind = Device.Kind.TCP
    host = forms.CharField(label="Host name or address", max_length=253)
    port = forms.IntegerField(label="Port", min_value=1, max_value=65_535)
    send = forms.CharField(label="Send after connecting", required=False, max_length=4096)
    expect = forms.CharField(
        label="Text in the first answer", required=False, max_length=1024, help_text="Looked for in the first 4 KiB."
    )
    timeout_s = forms.IntegerField(label="Give up after (seconds)", min_value=1, max_value=60, initial=8)
    main = ("host", "port")
    rules = ("timeout_s", "send", "expect")
    paths: ClassVar[Mapping[str, str]] = {
        "ip": "host",
        "tcp.send": "send",
        "tcp.expect": "expect",
        "request.timeoutMs": "timeout_s",
    }

    def synthetic(self, stored: Mapping[str, Any] | None) -> Document:
        data = self.cleaned_data
        return {
            "enabled": True,
            "request": {"timeoutMs": data["timeout_s"] * 1000},
            "degradedMs": (stored or {}).get("degradedMs"),
            "tcp": {"send": data["send"] or None, "expect": data["expect"] or None},
        }

    @classmethod
    def initial_documents(cls, device: Device) -> Document:
        document = device.synthetic or {}
        tcp = document.get("tcp") or {}
        limit = (document.get("request") or {}).get("timeoutMs") or 8_000
        return {"send": tcp.get("send") or "", "expect": tcp.get("expect") or "", "timeout_s": limit // 1000}


class PingForm(MonitorForm):
    kind = Device.Kind.PING
    host = forms.CharField(label="Host name or address", max_length=253)
    main = ("host",)
    paths: ClassVar[Mapping[str, str]] = {"ip": "host"}


class TlsForm(MonitorForm):
    kind = Device.Kind.TLS
    host = forms.CharField(label="Host name", max_length=253)
    port = forms.IntegerField(label="Port", min_value=1, max_value=65_535, initial=443)
    warn_days = forms.IntegerField(label="Warn (days before)", min_value=0, max_value=3650, initial=30)
    critical_days = forms.IntegerField(label="Urgent (days before)", min_value=0, max_value=3650, initial=7)
    main: ClassVar[tuple[str, ...]] = ("host", "port")
    rules = ("warn_days", "critical_days")
    paths: ClassVar[Mapping[str, str]] = {
        "ip": "host",
        "tls.warnDays": "warn_days",
        "tls.criticalDays": "critical_days",
    }
    part: ClassVar[str] = "tls"

    def synthetic(self, stored: Mapping[str, Any] | None) -> Document:
        before, data = dict(stored or {}), self.cleaned_data
        days = {"enabled": True, "warnDays": data["warn_days"], "criticalDays": data["critical_days"]}
        return {**before, "enabled": True, self.part: {**(before.get(self.part) or {}), **days}}

    @classmethod
    def initial_documents(cls, device: Device) -> Document:
        part = (device.synthetic or {}).get(cls.part) or {}
        return {"warn_days": part.get("warnDays", 30), "critical_days": part.get("criticalDays", 7)}


class DomainForm(TlsForm):
    kind = Device.Kind.DOMAIN
    host = forms.CharField(label="Domain", max_length=253, help_text="As it is registered: example.com")
    port = None  # type: ignore[assignment]  # Django's way to drop an inherited field
    main = ("host",)
    paths: ClassVar[Mapping[str, str]] = {
        "ip": "host",
        "domain.warnDays": "warn_days",
        "domain.criticalDays": "critical_days",
    }
    part = "domain"


class DnsForm(MonitorForm):
    kind = Device.Kind.DNS
    hostname = forms.CharField(label="Name", max_length=255)
    record_type = forms.ChoiceField(label="Record", choices=[(word, word) for word in dns_config.TYPES])
    match = forms.ChoiceField(
        label="The answer",
        choices=(
            ("any_answer", "is there"),
            ("exact", "is exactly"),
            ("contains_all", "has all of"),
            ("contains_any", "has one of"),
            ("not_contains", "has none of"),
            ("no_answer", "is empty"),
        ),
    )
    expected = forms.CharField(
        label="Records", required=False, widget=forms.Textarea(attrs={"rows": 3}), help_text="One on each line."
    )
    resolvers = forms.CharField(
        label="Ask",
        required=False,
        initial="system",
        help_text="system, an address, address:port or a DoH address; with commas between them, all must agree.",
    )
    main = ("hostname", "record_type", "match", "expected")
    rules = ("resolvers",)
    paths: ClassVar[Mapping[str, str]] = {
        "ip": "hostname",
        "recordType": "record_type",
        "resolvers": "resolvers",
        "expected": "expected",
    }

    def described(self) -> Document:
        return super().described() | {"host": self.cleaned_data["hostname"]}

    def dns(self) -> Document:
        data = self.cleaned_data
        return {
            "hostname": data["hostname"],
            "recordType": data["record_type"],
            "match": data["match"],
            "expected": [line.strip() for line in data["expected"].splitlines() if line.strip()],
            "resolvers": split(data["resolvers"]) or ["system"],
        }

    @classmethod
    def initial_documents(cls, device: Device) -> Document:
        config = device.dns or dns_config.defaults(hostname=device.host)
        return {
            "hostname": config["hostname"],
            "record_type": config["recordType"],
            "match": config["match"],
            "expected": "\n".join(config["expected"]),
            "resolvers": ", ".join(config["resolvers"]),
        }
