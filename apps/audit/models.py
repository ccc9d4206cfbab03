from django.db import models

from apps.workspaces.models import TenantModel


class AuditEntry(TenantModel):
    """Who changed what, when. Appended in the transaction of the write; never edited, never with a secret."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=160)
    verb = models.CharField(max_length=48)
    subject = models.CharField(max_length=160, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        indexes = [models.Index(fields=["workspace", "-id"], name="audit_newest")]

    def __str__(self) -> str:
        return f"{self.actor} {self.verb} {self.subject}"
