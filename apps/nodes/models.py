from typing import ClassVar

from django.db import models

from apps.common.values import Ref
from apps.nodes.querysets import NodeQuerySet
from apps.nodes.types import USUAL_INTERVAL_S, stale_after_s
from apps.nodes.versions import LENGTH as VERSION_LENGTH
from apps.projects.models import Project, Tag
from apps.workspaces.models import Membership, TenantModel

UNNAMED = "Untitled"


class Node(TenantModel):
    """A machine that reports by agent. Its newest report is the store's; here is what changes seldom."""

    class AgentKind(models.TextChoices):
        NONE = ""
        DASH = "dash"
        NEZHA = "nezha"

    class Direction(models.TextChoices):
        INHERIT = ""
        OUT = "out"
        BOTH = "both"
        MAX = "max"

    number = models.PositiveIntegerField()
    project = models.ForeignKey(Project, models.SET_NULL, null=True, related_name="nodes")
    owner = models.ForeignKey(Membership, models.SET_NULL, null=True, related_name="+")
    name = models.CharField(max_length=120, default=UNNAMED)
    hostname = models.CharField(max_length=255, blank=True)
    # Higher comes first.
    rank = models.PositiveIntegerField(default=0)
    public = models.BooleanField(default=False)
    tags = models.ManyToManyField(Tag, through="NodeTag", related_name="nodes", blank=True)
    note = models.TextField(max_length=4000, blank=True)
    public_note = models.TextField(max_length=4000, blank=True)
    agent_kind = models.CharField(max_length=8, choices=AgentKind, blank=True, default=AgentKind.NONE)
    agent_uuid = models.CharField(max_length=36, blank=True)
    agent_version = models.CharField(max_length=VERSION_LENGTH, blank=True)
    # What the agent should become; empty once it reports it.
    wanted_version = models.CharField(max_length=VERSION_LENGTH, blank=True)
    report_interval_s = models.PositiveIntegerField(default=USUAL_INTERVAL_S)
    cores = models.PositiveIntegerField(null=True, blank=True)
    boot_at = models.DateTimeField(null=True, blank=True)
    # {"peer", "v4", "v6"}: where reports come from, and what the agent says about itself.
    addresses = models.JSONField(default=dict, blank=True)
    country = models.CharField(max_length=2, blank=True)
    # A billing cycle of its own, as apps.traffic reads it; None and empty: the workspace's.
    cycle = models.JSONField(null=True, blank=True)
    direction = models.CharField(max_length=4, choices=Direction, blank=True, default=Direction.INHERIT)
    p95 = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    first_report_at = models.DateTimeField(null=True, blank=True)
    # Gone for everybody; its series are deleted a little later, when no report of it can be on its way.
    retired_at = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[NodeQuerySet] = NodeQuerySet.as_manager()  # type: ignore[assignment]  # narrower than TenantModel's

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="node_number_once"),
            models.UniqueConstraint(
                fields=["workspace", "agent_uuid"], condition=~models.Q(agent_uuid=""), name="node_agent_once"
            ),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "-rank", "name", "number"],
                name="node_in_order",
                condition=models.Q(retired_at__isnull=True),
            ),
            # The sweep that looks for silence steps through every node that was ever heard of.
            models.Index(
                fields=["id"],
                name="node_heard_of",
                condition=models.Q(retired_at__isnull=True, first_report_at__isnull=False),
            ),
            models.Index(fields=["retired_at"], name="node_to_forget", condition=models.Q(retired_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def ref(self) -> Ref:
        return Ref("node", self.pk)

    @property
    def stale_after_s(self) -> int:
        """Seconds of silence after which the node counts as offline."""
        return stale_after_s(self.report_interval_s)


class NodeTag(TenantModel):
    """One tag of one node, in the order in which people gave them."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="tag_links")
    tag = models.ForeignKey(Tag, models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "node", "tag"], name="node_tag_once")]

    def __str__(self) -> str:
        return f"{self.tag_id} of {self.node_id}"


class NodeSection(TenantModel):
    """One document about a node: its static facts, its disks, SMART ... Written when its digest changes."""

    node = models.ForeignKey(Node, models.CASCADE, related_name="sections")
    section = models.CharField(max_length=12)
    digest = models.CharField(max_length=32)
    document = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "node", "section"], name="node_section_once")]

    def __str__(self) -> str:
        return f"{self.section} of {self.node_id}"


class NodeGroup(TenantModel):
    """Nodes that are shown together. The default group has number 1, and every new node joins it."""

    number = models.PositiveIntegerField()
    name = models.CharField(max_length=64)
    remark = models.CharField(max_length=255, blank=True)
    is_default = models.BooleanField(default=False)
    nodes = models.ManyToManyField(Node, related_name="groups", blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "number"], name="node_group_number_once"),
            models.UniqueConstraint(
                fields=["workspace"], condition=models.Q(is_default=True), name="node_group_one_default"
            ),
        ]

    def __str__(self) -> str:
        return self.name
