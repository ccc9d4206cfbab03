"""The rules of the house that a machine can check (CONTRIBUTING.md, docs/architecture.md)."""

import ast
import re
import subprocess
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pytest
from django.apps import apps
from django.db import models

from apps.workspaces.models import TenantModel, Workspace
from apps.workspaces.querysets import TenantQuerySet

ROOT = Path(__file__).parents[1]
LONGEST_MODULE, LONGEST_FUNCTION = 400, 30
# Tables of cases are long, and best read in one place.
LONGEST_TEST_MODULE = 500
PRODUCT, EVERYTHING = ("apps", "dashmon", "agent"), ("apps", "dashmon", "agent", "tests")
VAGUE_NAMES = re.compile(r"(?:utils?|helpers?|managers?|misc|common_stuff)\.py")
SUPPRESSION = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b(?::\s*[A-Z0-9, ]+|\[[a-z0-9, -]+\])?")
# Rows by another key than the workspace's: each is read through a row of its own workspace, and there are few of them.
WITHOUT_TENANT_PREFIX = {
    "ProjectMember": "read by seat, which is in the workspace; a handful per seat",
    "CheckRequest": "a queue read by due time for all workspaces; one's own is found by its public id",
    "DeliveryAttempt": "read by delivery, which is in the workspace; a handful per delivery",
}
REGISTRIES = re.compile(
    r"pypi\.org|pythonhosted\.org|npmjs\.(?:org|com)|yarnpkg\.com|proxy\.golang\.org"
    r"|--?(?:extra-)?index-url|^\s*registry\s*=|\"resolved\"\s*:",
    re.MULTILINE,
)
CONFIGURATION = re.compile(
    r"requirements/.*|pyproject\.toml|package(?:-lock)?\.json|\.npmrc|Makefile|Dockerfile|docker-compose\.yml"
    r"|\.github/.*|\.ci/.*|\.pre-commit-config\.yaml"
)
# What belongs to somebody's desk and not to a product: work left over, private paths, talk about the work.
DESK = re.compile(
    r"\b(?:TODO|FIXME|XXX|HACK)\b|(?i:lorem ipsum|language model|chatbot|as requested|as you asked|per your request)"
    r"|(?<![\w.:/])/(?:home|Users|root|work)/\w"
)
TEXT = {".py", ".md", ".html", ".txt", ".toml", ".yml", ".yaml", ".json", ".js", ".css", ".lock", ".cfg", ".sh", ""}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the repository, or of the folder where there is no git."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name]
    found = (ROOT / name for name in names) if names else ROOT.glob("[!.]*/**/*")
    return tuple(path for path in found if path.is_file())


def modules(folders: Iterable[str]) -> Iterator[Path]:
    """Python files that people wrote: migrations are made by a command."""
    for path in tracked():
        parts = path.relative_to(ROOT).parts
        if path.suffix == ".py" and parts[0] in folders and "migrations" not in parts:
            yield path


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def own_models() -> list[type[models.Model]]:
    return [model for model in apps.get_models() if model.__module__.startswith("apps.")]


def body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_modules_have_400_lines_at_most() -> None:
    sizes = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in modules(EVERYTHING)}

    limits = {name: LONGEST_TEST_MODULE if name.startswith("tests/") else LONGEST_MODULE for name in sizes}
    assert len(sizes) > 100
    assert {name: size for name, size in sizes.items() if size > limits[name]} == {}


def test_functions_have_30_lines_at_most_without_their_docstring() -> None:
    long = {
        f"{name_of(path)}:{node.lineno} {node.name}": body_lines(node)
        for path in modules(PRODUCT)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and body_lines(node) > LONGEST_FUNCTION
    }

    assert long == {}


def test_modules_are_named_after_nouns_of_the_field() -> None:
    assert [name_of(path) for path in modules(EVERYTHING) if VAGUE_NAMES.fullmatch(path.name)] == []


def test_a_suppressed_warning_says_why_on_its_line() -> None:
    silent = [
        f"{name_of(path)}:{number}"
        for path in modules(EVERYTHING)
        if path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (found := list(SUPPRESSION.finditer(line))) and not re.search(r"#\s*\S.{4,}", line[found[-1].end() :])
    ]

    assert silent == []


@pytest.mark.parametrize(
    ("line", "reasoned"),
    [
        ("x = 1  # noqa: S104  # compared, not bound", True),
        ("x = 1  # type: ignore[misc]  # noqa: SLF001  # Django's own hook", True),
        ("x = 1  # noqa: S104", False),
        ("x = 1  # type: ignore[arg-type, misc]", False),
        ("x = 1  # type: ignore[misc]  # why  # noqa: S104", False),
    ],
)
def test_the_check_of_suppressions_can_fail(line: str, reasoned: bool) -> None:
    last = list(SUPPRESSION.finditer(line))[-1]

    assert bool(re.search(r"#\s*\S.{4,}", line[last.end() :])) is reasoned


def test_no_signals_between_our_own_apps() -> None:
    banned = ("django.dispatch", "django.db.models.signals", "django.core.signals", "django.contrib.auth.signals")
    found = [
        f"{name_of(path)}:{node.lineno}"
        for path in modules(PRODUCT)
        for node in ast.walk(tree_of(path))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").startswith(banned))
        or (isinstance(node, ast.Import) and any(name.name.startswith(banned) for name in node.names))
    ]

    assert found == []


def test_no_logic_in_save_and_no_order_by_default() -> None:
    assert [model.__name__ for model in own_models() if model._meta.ordering] == []
    assert [model.__name__ for model in own_models() if {"save", "delete"} & set(vars(model))] == []


def test_rows_of_a_workspace_are_tenant_rows() -> None:
    tenants = [model for model in own_models() if any(field.name == "workspace" for field in model._meta.fields)]

    assert len(tenants) > 10
    for model in tenants:
        assert issubclass(model, TenantModel), model
        assert model._meta.get_field("workspace").related_model is Workspace
        assert isinstance(model.objects, models.Manager), model
        assert isinstance(model.objects.all(), TenantQuerySet), model
        sql = str(model.objects.of(7).query)
        assert '"workspace_id" = 7' in sql, sql


def prefixes(model: type[models.Model]) -> Iterator[str]:
    """The first column of every index and unique constraint, as its model names it."""
    for rule in [*model._meta.indexes, *model._meta.constraints]:
        fields = [field.lstrip("-") for field in getattr(rule, "fields", ())]
        expressions = [str(getattr(part, "name", "")) for part in getattr(rule, "expressions", ())]
        yield from (fields or expressions)[:1]


def test_queries_of_one_workspace_have_an_index_that_begins_with_it() -> None:
    without = {
        model.__name__
        for model in own_models()
        if issubclass(model, TenantModel) and "workspace" not in prefixes(model)
    }

    assert without == set(WITHOUT_TENANT_PREFIX)
    assert all(WITHOUT_TENANT_PREFIX.values())


def test_rules_of_the_database_have_names_that_fit_postgresql() -> None:
    names = [rule.name for model in own_models() for rule in [*model._meta.indexes, *model._meta.constraints]]

    assert len(names) == len(set(names))
    assert [name for name in names if len(name) > 30] == []


def test_locks_and_configuration_name_no_registry() -> None:
    checked = [path for path in tracked() if CONFIGURATION.fullmatch(name_of(path))]
    naming = {
        name_of(path): found[0]
        for path in checked
        if (found := REGISTRIES.search(path.read_text(encoding="utf-8"))) is not None
    }

    assert {"pyproject.toml", "Makefile", "requirements/runtime.lock"} <= {name_of(path) for path in checked}
    assert naming == {}


def test_every_locked_requirement_carries_its_hashes() -> None:
    for lock in (ROOT / "requirements").glob("*.lock"):
        entries = re.split(r"\n(?=\S)", lock.read_text(encoding="utf-8").strip())
        assert [entry.split()[0] for entry in entries if "--hash=sha256:" not in entry] == []


def test_nothing_of_the_desk_is_in_the_repository() -> None:
    left = [
        f"{name_of(path)}:{number} {line.strip()[:80]}"
        for path in tracked()
        if path.suffix in TEXT and path != Path(__file__)
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1)
        if DESK.search(line)
    ]

    assert left == []
