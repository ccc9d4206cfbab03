"""Tags: trimmed, lower case, 1 to 32 of letters, digits, `-_.:/` and space (contract Dashmon 7)."""

from collections.abc import Iterable, Sequence

import regex
from django.db.models import Count

from apps.common.errors import InvalidInputError
from apps.projects.models import Tag
from apps.workspaces.models import Workspace

SHAPE = regex.compile(r"[\p{L}\p{N}\-_.:/ ]{1,32}")


def clean_tags(raw: object, *, field: str = "tags") -> list[str]:
    """Sorted distinct tags in canonical form; InvalidInputError names the first bad one by its index."""
    if not isinstance(raw, list):
        raise InvalidInputError(fields={field: "A list of tags."})
    tags, fields = set(), {}
    for index, item in enumerate(raw):
        tag = item.strip().lower() if isinstance(item, str) else ""
        if SHAPE.fullmatch(tag):
            tags.add(tag)
        else:
            fields[f"{field}[{index}]"] = "1 to 32 of letters, digits, - _ . : / and space."
    if fields:
        raise InvalidInputError(fields=fields)
    return sorted(tags)


def ensure_tags(*, workspace: Workspace, texts: Iterable[str]) -> Sequence[Tag]:
    """The rows of these tags, made where missing."""
    wanted = list(texts)
    Tag.objects.bulk_create([Tag(workspace=workspace, text=text) for text in wanted], ignore_conflicts=True)
    return list(Tag.objects.of(workspace).filter(text__in=wanted))


def tag_counts(*, workspace: Workspace, projects: Iterable[int] | None = None) -> list[tuple[str, int]]:
    """Tags in use with their number of devices, most used first, then by name."""
    tags = Tag.objects.of(workspace)
    if projects is not None:
        tags = tags.filter(devices__project__in=projects)
    counted = tags.annotate(uses=Count("devices", distinct=True)).filter(uses__gt=0)
    return [(tag.text, tag.uses) for tag in counted.order_by("-uses", "text")]


def drop_unused(*, workspace: Workspace) -> None:
    """Forget tags that no device and no node carries any more."""
    Tag.objects.of(workspace).filter(devices__isnull=True, nodes__isnull=True).delete()
