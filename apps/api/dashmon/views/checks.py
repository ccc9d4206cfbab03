"""Checks that somebody asks for (contract Dashmon 6)."""

from django.db import transaction
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from apps.api.dashmon.schema import described, wrapped
from apps.api.dashmon.throttling import REFRESH_ALL, TEST_NOW, count, spent
from apps.api.dashmon.views.base import ApiView
from apps.checks.services import REFRESH_COOLDOWN, refresh_all, request_check
from apps.common.errors import RateLimitedError
from apps.common.ids import encode_uuid

COOLDOWN_S = int(REFRESH_COOLDOWN.total_seconds())


class TestNowView(ApiView):
    """One device, now."""

    @described(
        "Check a device now; its result joins the history",
        answer=wrapped(
            "TestQueued",
            ok=serializers.BooleanField(),
            queued=serializers.BooleanField(),
            jobId=serializers.CharField(),
        ),
        also={422: "`unsupported`: heartbeat and agent devices report by themselves."},
    )
    def post(self, _: Request, device_id: str) -> Response:
        device = self.device(device_id)
        self.allowance = count(TEST_NOW, f"device:{device.pk}", now=self.now)
        with transaction.atomic():
            job = request_check(device=device, now=self.now)
            self.audit("device.test", device.name)
        return Response({"ok": True, "queued": True, "jobId": encode_uuid("job", job.public_id)})


class RefreshAllView(ApiView):
    """All devices of the workspace, now."""

    @described(
        "Check every device now, at most once a minute",
        answer=wrapped(
            "RefreshQueued",
            ok=serializers.BooleanField(),
            queued_devices=serializers.IntegerField(),
            cooldownSeconds=serializers.IntegerField(),
        ),
    )
    def post(self, _: Request) -> Response:
        try:
            with transaction.atomic():
                queued = refresh_all(workspace=self.workspace, now=self.now)
                self.audit("device.refresh_all", f"{queued} devices")
        except RateLimitedError as error:
            raise spent(REFRESH_ALL, error) from None
        return Response({"ok": True, "queued_devices": queued, "cooldownSeconds": COOLDOWN_S})
