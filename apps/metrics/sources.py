"""The registry of sources: which number a subject has in the store, and which columns of its own."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import transaction
from django.db.models import Q

from apps.common.remembered import Remembered
from apps.common.values import Ref, SourceRef
from apps.metrics.columns import FIRST_OWN_KEY, STANDARD
from apps.metrics.layouts import Layout, shared_layout
from apps.metrics.models import Source
from apps.metrics.reported import FIXED, MOST_OWN_COLUMNS
from apps.metrics.tiers import HOUR, floor_to
from apps.nodes.types import NOT_KEPT

KINDS = {
    "node": Source.Kind.NODE,
    "device": Source.Kind.DEVICE,
    "container": Source.Kind.CONTAINER,
    "instance": Source.Kind.INSTANCE,
}
REMEMBERED = 50_000
# Of one source: what a report names changes seldom.
LAYOUTS = 8

# workspace, kind, reference
SourceKey = tuple[int, int, str]


@dataclass(frozen=True, slots=True)
class KnownSource:
    """What an append must know of a source."""

    id: int
    own_columns: Mapping[str, int]
    standard: Mapping[str, int] = field(default_factory=lambda: STANDARD)
    # What follows from other columns of the same report, and is not kept.
    derived: Collection[str] = ()
    # How reports of these names are spelled, as it was found out: what is here needs no more columns.
    layouts: dict[tuple[str, ...], Layout] = field(default_factory=dict, compare=False, repr=False)

    def key_of(self, name: str) -> int | None:
        """The number of a column, None when the source has never had it."""
        return self.standard.get(name) or self.own_columns.get(name)

    def unknown(self, names: Collection[str]) -> set[str]:
        """Those of the names that would need a number."""
        if tuple(names) in self.layouts:
            return set()
        return set(names).difference(self.own_columns, self.standard, self.derived)

    @property
    def is_full(self) -> bool:
        """Whether it gets no more columns of its own."""
        return len(self.own_columns) >= MOST_OWN_COLUMNS


# Committed ones alone.
_remembered: Remembered[SourceKey, KnownSource] = Remembered(REMEMBERED)


def forget_remembered(keys: Collection[SourceKey] | None = None) -> None:
    """Drop what this process remembers of sources: some, or all of them."""
    _remembered.drop(keys)


def source_key(workspace_id: int, source: SourceRef) -> SourceKey:
    return workspace_id, int(KINDS[source.subject.kind]), source.key


def remembered_devices(devices: Iterable[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Of devices (workspace, primary key) the numbers of their sources, as far as this process remembers them."""
    kind = int(Source.Kind.DEVICE)
    keys = {(workspace_id, kind, str(device_id)): (workspace_id, device_id) for workspace_id, device_id in devices}
    return {keys[key]: source.id for key, source in _remembered.take(keys).items()}


def own_columns(source: Source) -> dict[str, int]:
    """The columns that only this source has, name to number."""
    return {attributes["name"]: int(key) for key, attributes in source.columns.items()}


def layout_of(names: tuple[str, ...], source: KnownSource) -> Layout:
    """Where the values of a report of these names go."""
    found = source.layouts.get(names)
    if found is not None:
        return found
    stored = [name for name in names if name not in source.derived]
    numbered = [(name, key) for name in stored if (key := source.key_of(name)) is not None]
    layout = shared_layout(tuple(name for name, _ in numbered), tuple(key for _, key in numbered))
    # What has no number today may have one tomorrow, and of such names there is no end.
    if len(numbered) == len(stored) and len(source.layouts) < LAYOUTS:
        source.layouts[names] = layout
    return layout


def known_sources(wanted: Mapping[SourceKey, tuple[int, Collection[str]]]) -> dict[SourceKey, KnownSource]:
    """Sources for an append, made or given new columns where needed; runs in the caller's transaction.

    `wanted` maps a source to its oldest row's time and the names of the columns its rows use.
    """
    found = _remembered.take(wanted)
    missing = [key for key in wanted if key not in found]
    if missing:
        loaded = _load(missing)
        _create([(key, wanted[key][0]) for key in sorted(missing) if key not in loaded])
        if len(loaded) < len(missing):
            loaded = _load(missing)
        found.update(loaded)
        _remember_after_commit(loaded)
    for key in sorted(key for key, (_, names) in wanted.items() if names):
        new = found[key].unknown(wanted[key][1])
        if new and not found[key].is_full:
            found[key] = _add_columns(key, found[key].id, sorted(new))
    return found


def sources_of(workspace_id: int, refs: Collection[Ref]) -> dict[Ref, Source]:
    """The registered sources of subjects, seen from nowhere in particular; one statement a kind of subject."""
    found: dict[Ref, Source] = {}
    for kind, keys in by_kind(refs).items():
        for source in Source.objects.of(workspace_id).filter(kind=kind, ref__in=list(keys)):
            found[keys[source.ref]] = source
    return found


def by_kind(refs: Collection[Ref]) -> dict[int, dict[str, Ref]]:
    """Subjects by the kind and the text that name their sources."""
    found: dict[int, dict[str, Ref]] = {}
    for ref in refs:
        found.setdefault(KINDS[ref.kind], {})[SourceRef(ref).key] = ref
    return found


def source_of(workspace_id: int, ref: Ref) -> Source | None:
    return sources_of(workspace_id, [ref]).get(ref)


def all_sources_of(workspace_id: int, ref: Ref) -> list[Source]:
    """Every source of a subject, those seen from nodes included; of a node also what was seen from it."""
    mine = Q(kind=KINDS[ref.kind]) & (Q(ref=f"{ref.id}") | Q(ref__startswith=f"{ref.id}@"))
    seen = Q(ref__endswith=f"@{ref.id}") if ref.kind == "node" else Q(pk__in=[])
    return list(Source.objects.of(workspace_id).filter(mine | seen).order_by("pk"))


def _load(keys: Collection[SourceKey]) -> dict[SourceKey, KnownSource]:
    workspaces, kinds, refs = (set(part) for part in zip(*keys, strict=True))
    rows = Source.objects.filter(workspace_id__in=workspaces, kind__in=kinds, ref__in=refs)
    found = {(row.workspace_id, row.kind, row.ref): row for row in rows}
    return {key: _known(found[key]) for key in keys if key in found}


def _known(row: Source) -> KnownSource:
    if not row.reports:
        return KnownSource(row.pk, own_columns(row))
    return KnownSource(row.pk, own_columns(row), FIXED, NOT_KEPT if row.kind == Source.Kind.NODE else ())


def _create(fresh: Collection[tuple[SourceKey, int]]) -> None:
    rows = [
        Source(workspace_id=workspace, kind=kind, ref=ref, first_ms=first, due_ms=floor_to(first, HOUR) + HOUR)
        for (workspace, kind, ref), first in fresh
    ]
    Source.objects.bulk_create(rows, ignore_conflicts=True)


def _add_columns(key: SourceKey, source_id: int, names: Collection[str]) -> KnownSource:
    """Give a source numbers for new columns; the row is locked, so no number is given twice."""
    source = Source.objects.of(key[0]).select_for_update().get(pk=source_id)
    taken = own_columns(source)
    following = max([FIRST_OWN_KEY - 1, *taken.values()]) + 1
    fresh: dict[str, Any] = {}
    room = MOST_OWN_COLUMNS - len(taken)
    for number, name in enumerate([name for name in names if name not in taken][:room], start=following):
        fresh[str(number)] = {"name": name}
    source.columns = {**source.columns, **fresh}
    source.save(update_fields=["columns"])
    known = _known(source)
    _remember_after_commit({key: known})
    return known


def _remember_after_commit(sources: Mapping[SourceKey, KnownSource]) -> None:
    # A number that is rolled back must not be remembered: its rows would belong to nobody.
    transaction.on_commit(lambda: _remembered.put(sources))
