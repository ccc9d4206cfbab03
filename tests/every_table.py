"""A row in every table a workspace can have rows in, and pictures of the whole database to compare."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from django.apps import apps
from django.db import models
from django.db.models import Model

from apps.accounts.models import User
from apps.common.fields import EncryptedJSONField, EncryptedTextField
from apps.operations.models import Erasure
from apps.operations.tables import Table, tenant_tables
from apps.workspaces.models import Workspace
from tests.factories import NOW

_numbers = count(1000)
# Of the installation, not of any workspace, and not about a person either.
INSTALLATION = frozenset(
    {
        "auth.Permission",
        "auth.Group",
        "auth.Group_permissions",
        "contenttypes.ContentType",
        "socialaccount.SocialApp",
        "accounts.User_groups",
        "accounts.User_user_permissions",
        "workspaces.Installation",
        "checks.ShardCursor",
        "checks.CheckBatch",
        "operations.ProcessReport",
        "operations.StorageSize",
    }
)
Picture = dict[str, list[dict[str, Any]]]


def every_model() -> list[type[Model]]:
    return [model for model in apps.get_models(include_auto_created=True) if model._meta.label not in INSTALLATION]


def picture() -> Picture:
    """Every row of every table, the installation's settings too."""
    models_there = apps.get_models(include_auto_created=True)
    return {model._meta.label: list(model._base_manager.order_by("pk").values()) for model in models_there}


def fill(workspace: Workspace, owner: User) -> None:
    """One row at least of every table with rows of an open workspace; those that services made stay as they are."""
    for table in reversed(tenant_tables()):
        if table.model is not Erasure and not table.rows(workspace.pk).exists():
            make_row(table, workspace, owner)


def make_row(table: Table, workspace: Workspace, owner: User) -> Model:
    """A row that the database takes; what it says means nothing."""
    values = dict(_values(table.model, workspace, owner))
    row: Model = table.model._base_manager.create(**values)
    return row


def _values(model: type[Model], workspace: Workspace, owner: User) -> Iterator[tuple[str, Any]]:
    for field in model._meta.concrete_fields:
        if field.related_model is not None:
            yield field.name, _end(field, workspace, owner)
        elif field.attname == "workspace_id":
            yield "workspace_id", workspace.pk
        elif not field.has_default() and not isinstance(field, models.AutoField):
            yield field.name, _value(field)


def _end(field: Any, workspace: Workspace, owner: User) -> Any:
    target = field.related_model
    if target is Workspace:
        return workspace
    if target is User:
        return owner
    # The row's own kind comes after it, if at all.
    way = next(table for table in tenant_tables() if table.model is target)
    return way.rows(workspace.pk).first() if target is not field.model else None


def _value(field: Any) -> Any:
    if field.choices:
        return next(key for key, _ in field.choices if key != "")
    return next(make(field) for kind, make in OF_KIND if isinstance(field, kind))


# The first kind that a column is of.
OF_KIND: Sequence[tuple[Any, Callable[[Any], Any]]] = (
    (models.CharField | models.TextField, lambda field: str(next(_numbers))[: field.max_length]),
    (models.DateTimeField, lambda _: NOW),
    (models.DateField, lambda _: NOW.date()),
    (models.BooleanField, lambda _: False),
    (models.UUIDField, lambda _: uuid.uuid4()),
    (EncryptedJSONField | models.JSONField, lambda _: {}),
    (EncryptedTextField, lambda _: "secret"),
    (models.BinaryField, lambda _: b"bytes"),
    (models.IntegerField, lambda _: next(_numbers)),
)
