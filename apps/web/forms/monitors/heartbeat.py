"""A job that reports by itself: when it is expected, and how late is still fine."""

from collections.abc import Mapping
from typing import ClassVar

from django import forms

from apps.devices.models import Device
from apps.web.forms.monitors.base import Document, MonitorForm


class HeartbeatForm(MonitorForm):
    kind = Device.Kind.HEARTBEAT
    probed = False
    mode = forms.ChoiceField(
        label="The job runs", choices=(("interval", "Every so often"), ("cron", "By a cron schedule"))
    )
    interval_min = forms.FloatField(
        label="Every (minutes)", min_value=0.2, max_value=525_600, initial=60, required=False
    )
    schedule = forms.CharField(label="Cron schedule", required=False, max_length=120, help_text="30 2 * * 1-5")
    timezone = forms.CharField(label="Time zone of the schedule", initial="UTC", required=False)
    grace_min = forms.FloatField(
        label="Grace (minutes)",
        min_value=0.2,
        max_value=525_600,
        initial=5,
        help_text="How much later than expected is still fine.",
    )
    post_only = forms.BooleanField(label="Only POST requests count", required=False)
    main = ("mode", "interval_min", "grace_min", "schedule", "timezone")
    rules = ("post_only",)
    paths: ClassVar[Mapping[str, str]] = {"intervalSeconds": "interval_min", "graceSeconds": "grace_min"}

    def heartbeat(self) -> Document:
        data = self.cleaned_data
        return {
            "mode": data["mode"],
            "intervalSeconds": round((data["interval_min"] or 60) * 60),
            "graceSeconds": round(data["grace_min"] * 60),
            "schedule": data["schedule"] or None,
            "timezone": data["timezone"] or "UTC",
            "methods": "post" if data["post_only"] else "any",
        }

    @classmethod
    def initial_documents(cls, device: Device) -> Document:
        config = device.heartbeat or {}
        return {
            "mode": config.get("mode", "interval"),
            "interval_min": (config.get("intervalSeconds") or 3600) / 60,
            "grace_min": (config.get("graceSeconds") or 300) / 60,
            "schedule": config.get("schedule") or "",
            "timezone": config.get("timezone") or "UTC",
            "post_only": config.get("methods") == "post",
        }
