"""What agents say about their nodes, as far as it is no number: facts, documents, versions, addresses."""

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import transaction

from apps.nodes import versions
from apps.nodes.facts import cores, merged
from apps.nodes.models import UNNAMED, Node, NodeSection
from apps.nodes.types import Document, Report, Reporting, StaticFacts

STATIC = "static"
COLUMNS = ("agent_kind", "agent_version", "wanted_version", "addresses", "first_report_at")


class Heard(NamedTuple):
    """The newest report of a node, with the server's clock and the address it came from.

    `node` is as it was before. `repeats` the documents of the report before: all of them are kept.
    """

    node: Reporting
    report: Report
    at: datetime
    address: str = ""
    repeats: bool = False


@transaction.atomic
def save_static(*, node: Node, facts: StaticFacts, now: datetime) -> None:
    """Keep what a node says about its machine; a node without a name of its own takes the machine's.

    A node that is gone meanwhile is left alone.
    """
    fresh = Node.objects.of(node.workspace_id).live().select_for_update().filter(pk=node.pk).first()
    if fresh is None:
        return
    before = NodeSection.objects.of(node.workspace_id).filter(node=fresh, section=STATIC).first()
    document = merged(before.document if before is not None else None, facts.document)
    fresh.hostname = facts.hostname[:255]
    if fresh.name in {"", UNNAMED} and fresh.hostname:
        fresh.name = fresh.hostname[:120]
    fresh.agent_version, fresh.report_interval_s = facts.version, facts.report_interval_s
    fresh.cores = cores(document)
    _settle_wish(fresh)
    fresh.save(update_fields=["hostname", "name", "agent_version", "wanted_version", "report_interval_s", "cores"])
    text = json.dumps(document, separators=(",", ":"), sort_keys=True).encode()
    write_sections([(fresh, STATIC, Document(text, json.loads), now)])


def note_reports(*, heard: Sequence[Heard]) -> dict[int, str]:
    """Keep what the newest reports say about their nodes besides numbers; where nothing is new nothing is written.

    Runs in the transaction that stored the numbers and locked the nodes. Answers what the nodes that are not as they
    were should become, by primary key.
    """
    changed = {each.node.pk: each for each in heard if _changes(each)}
    rows = Node.objects.filter(pk__in=changed).order_by("pk") if changed else ()
    # One order for every writer, so two transactions never wait for each other.
    nodes = [_noted(node, changed[node.pk]) for node in rows]
    if nodes:
        Node.objects.bulk_update(nodes, COLUMNS, batch_size=100)
    told = [each for each in heard if not each.repeats]
    if told:
        write_sections(
            [(each.node, name, document, each.at) for each in told for name, document in each.report.sections.items()]
        )
    return {node.pk: node.wanted_version for node in nodes}


def _changes(heard: Heard) -> bool:
    """Whether the node's row is another one after the report; nearly never."""
    node, version = heard.node, heard.report.version[: versions.LENGTH]
    return not (
        node.was_heard
        and node.agent_kind == heard.report.agent_kind
        and node.agent_version == version
        and (not heard.address or node.peer == heard.address)
        and (not node.wanted_version or versions.is_owed(reported=version, wanted=node.wanted_version))
    )


def _noted(node: Node, heard: Heard) -> Node:
    report = heard.report
    node.agent_kind, node.agent_version = report.agent_kind, report.version[: versions.LENGTH]
    if heard.address:
        node.addresses = {**node.addresses, "peer": heard.address}
    node.first_report_at = node.first_report_at or heard.at
    _settle_wish(node)
    return node


def _settle_wish(node: Node) -> None:
    if not versions.is_owed(reported=node.agent_version, wanted=node.wanted_version):
        node.wanted_version = ""


def write_sections(told: Collection[tuple[Node | Reporting, str, Document, datetime]]) -> None:
    """Keep documents whose digest differs from the one that is kept."""
    fresh = {(node.pk, name): (node, document, document.digest, at) for node, name, document, at in told}
    known = NodeSection.objects.filter(
        workspace__in={node.workspace_id for node, *_ in fresh.values()}, node__in={pk for pk, _ in fresh}
    )
    kept = {(pk, name): digest for pk, name, digest in known.values_list("node_id", "section", "digest")}
    rows = [
        NodeSection(
            workspace_id=node.workspace_id,
            node_id=node.pk,
            section=name,
            digest=digest,
            document=document.read(document.text),
            at=at,
        )
        for (pk, name), (node, document, digest, at) in sorted(fresh.items(), key=lambda each: each[0])
        if kept.get((pk, name)) != digest
    ]
    if rows:
        NodeSection.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["workspace", "node", "section"],
            update_fields=["digest", "document", "at"],
        )
