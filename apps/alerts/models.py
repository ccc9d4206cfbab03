from django.db import models

from apps.workspaces.models import TenantModel

DEVICE_STATE = -5


class AlertRule(TenantModel):
    """When something is bad enough to open an incident. Built-in rules carry fixed negative numbers."""

    number = models.IntegerField()
    key = models.CharField(max_length=48, blank=True)
    name = models.CharField(max_length=120)
    subject_kind = models.CharField(max_length=10, default="device")
    enabled = models.BooleanField(default=True)
    generation = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "number"], name="alert_rule_number_once")]

    def __str__(self) -> str:
        return self.name
