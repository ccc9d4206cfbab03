"""What the store has of reports and signals, held against what their senders were told."""

from collections import Counter
from collections.abc import Mapping

from apps.metrics.models import Source
from apps.metrics.report_rows import hours_of
from apps.metrics.reported import FIXED
from apps.nodes.models import Node
from tests.nightly.machines import Told

NUMBER = FIXED["proc.count"]
FAR_MS = 1 << 42


def kept_of(node: Node) -> Counter[int]:
    """The numbers of this node's stored reports, and how often each is there."""
    source = Source.objects.of(node.workspace_id).get(kind=Source.Kind.NODE, ref=str(node.pk))
    tables = hours_of(source, 0, FAR_MS, [NUMBER])
    return Counter(int(number) for table in tables for number in table.column(NUMBER))


def judge(name: object, kept: Mapping[int, int], told: Told) -> int:
    """Whether all that was taken of one sender is there once, and nothing that was never sent; how much is there."""
    assert told.taken <= set(kept), f"{name}: taken and lost: {sorted(told.taken - set(kept))}"
    # A refusal says that nobody knows: what is refused after eight seconds may be written a moment later.
    assert set(kept) <= told.taken | told.unknown | told.refused, f"{name}: never sent"
    twice = {number: times for number, times in kept.items() if times > 1}
    assert not twice, f"{name}: kept more than once: {twice}"
    return len(kept)
