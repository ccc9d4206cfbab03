"""Every query on a tenant's rows starts here."""

from typing import TYPE_CHECKING, Self, TypeVar

from django.db import models

if TYPE_CHECKING:
    from apps.workspaces.models import Workspace

M = TypeVar("M", bound=models.Model)


class TenantQuerySet(models.QuerySet[M]):
    def of(self, workspace: "Workspace | int") -> Self:
        """Rows of one workspace, and of no other."""
        return self.filter(workspace=workspace)
