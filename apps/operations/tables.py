"""Which tables have rows of a workspace: asked of the models, so that a table that is added later is not forgotten."""

from dataclasses import dataclass
from functools import cache
from graphlib import TopologicalSorter
from typing import Any

from django.apps import apps
from django.db.models import Field, Model, QuerySet


@dataclass(frozen=True, slots=True)
class Table:
    """A table with rows of workspaces, and the filter that finds one's."""

    model: type[Model]
    way: str

    def rows(self, workspace_id: int) -> QuerySet[Any]:
        return self.model._base_manager.filter(**{self.way: workspace_id})  # noqa: SLF001  # no manager may hide a row


@cache
def tenant_tables() -> tuple[Table, ...]:
    """Every table with rows of a workspace, those that refer to others before them."""
    ways = {model: way for model in apps.get_models(include_auto_created=True) if (way := _way(model)) is not None}
    sorter: TopologicalSorter[type[Model]] = TopologicalSorter(dict.fromkeys(ways, ()))
    for model in ways:
        for target in {field.related_model for field in _columns(model)} - {model}:
            if target in ways:
                sorter.add(target, model)
    return tuple(Table(model, ways[model]) for model in sorter.static_order())


def _way(model: type[Model]) -> str | None:
    """How a row of this model names its workspace; None where it names none."""
    if any(field.attname == "workspace_id" for field in _columns(model)):
        return "workspace_id"
    if not model._meta.auto_created:  # noqa: SLF001  # Django's documented name for it
        return None
    # A table between two others: it belongs where the first of them does.
    ends = ((field.name, field.related_model) for field in _columns(model))
    ways = (f"{name}__{way}" for name, end in ends if end is not None and (way := _way(end)) is not None)
    return next(ways, None)


def _columns(model: type[Model]) -> "tuple[Field[Any, Any], ...]":
    return tuple(model._meta.concrete_fields)  # noqa: SLF001  # Django's documented name for it
