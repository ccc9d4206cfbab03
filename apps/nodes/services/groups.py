"""Groups of nodes: made, named, taken away. The default one is always there."""

from datetime import datetime

from django.db import transaction

from apps.audit.services import record
from apps.common.errors import ConflictError, InvalidInputError, NotFoundError
from apps.nodes.models import NodeGroup
from apps.workspaces.models import Workspace
from apps.workspaces.services import next_number

KIND = "node_group"
DEFAULT = "default"
LONGEST_NAME, LONGEST_REMARK = 64, 255


@transaction.atomic
def ensure_default_group(*, workspace: Workspace) -> NodeGroup:
    """The group that every new node joins; made on first need, before any other, so that its number is 1."""
    group: NodeGroup | None = NodeGroup.objects.of(workspace).filter(is_default=True).first()
    if group is not None:
        return group
    # The counter's lock lets of two at once only one make it.
    Workspace.objects.select_for_update().get(pk=workspace.pk)
    found, _ = NodeGroup.objects.get_or_create(
        workspace=workspace,
        is_default=True,
        defaults={"number": next_number(workspace_id=workspace.pk, kind=KIND), "name": DEFAULT, "remark": DEFAULT},
    )
    made: NodeGroup = found
    return made


@transaction.atomic
def create_group(*, workspace: Workspace, name: str, remark: str = "", actor: str, now: datetime) -> NodeGroup:
    """A new group without nodes; InvalidInputError names `name` or `remark`."""
    ensure_default_group(workspace=workspace)
    group = NodeGroup(workspace=workspace, name=_name(name), remark=_remark(remark))
    group.number = next_number(workspace_id=workspace.pk, kind=KIND)
    group.save()
    record(workspace=workspace, actor=actor, verb="node_group.create", subject=group.name, at=now)
    return group


@transaction.atomic
def update_group(
    *, group: NodeGroup, name: str | None = None, remark: str | None = None, actor: str, now: datetime
) -> NodeGroup:
    """Another name or remark; None leaves one as it is. NotFoundError when it is gone."""
    group = _locked(group)
    group.name = group.name if name is None else _name(name)
    group.remark = group.remark if remark is None else _remark(remark)
    group.save(update_fields=["name", "remark"])
    record(workspace=group.workspace_id, actor=actor, verb="node_group.update", subject=group.name, at=now)
    return group


@transaction.atomic
def delete_group(*, group: NodeGroup, actor: str, now: datetime) -> None:
    """Take a group away; its nodes stay. ConflictError (`default_group_not_deletable`) for the default one."""
    group = _locked(group)
    if group.is_default:
        raise ConflictError("The default group stays.", code="default_group_not_deletable")
    record(workspace=group.workspace_id, actor=actor, verb="node_group.delete", subject=group.name, at=now)
    group.delete()


def check_group(*, name: str | None = None, remark: str | None = None) -> None:
    """Raise InvalidInputError as `create_group` and `update_group` would for what is said."""
    if name is not None:
        _name(name)
    if remark is not None:
        _remark(remark)


def _locked(group: NodeGroup) -> NodeGroup:
    found: NodeGroup | None = NodeGroup.objects.of(group.workspace_id).select_for_update().filter(pk=group.pk).first()
    if found is None:
        raise NotFoundError("Group not found")
    return found


def _name(raw: str) -> str:
    name = raw.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise InvalidInputError(fields={"name": f"A name of 1 to {LONGEST_NAME} characters."})
    return name


def _remark(raw: str) -> str:
    remark = raw.strip()
    if len(remark) > LONGEST_REMARK or not remark.isprintable():
        raise InvalidInputError(fields={"remark": f"At most {LONGEST_REMARK} characters."})
    return remark
