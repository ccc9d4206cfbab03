import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from apps.web import vendor

TOKENS = (Path(settings.BASE_DIR) / "static/css/tokens.css").read_text(encoding="utf-8")
PAIR = re.compile(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")
TEXT = ("text", "muted", "accent", "up", "degraded", "down", "maintenance", "pending", "idle")
SHAPES = ("line-strong", "up-cell", *(f"chart-{number}" for number in range(1, 7)))


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2 defines it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def colours(theme: int) -> dict[str, str]:
    return {found[0]: found[1 + theme] for found in PAIR.findall(TOKENS)}


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("name", "least"), [*((name, 4.5) for name in TEXT), *((name, 3.0) for name in SHAPES)])
def test_every_colour_stands_out_on_its_surface(theme: int, name: str, least: float) -> None:
    known = colours(theme)

    assert contrast(known[name], known["surface"]) >= least
    assert contrast(known[name], known["bg"]) >= least


def test_words_on_the_primary_button_can_be_read() -> None:
    for theme in (0, 1):
        known = colours(theme)
        assert contrast(known["on-accent"], known["accent"]) >= 4.5


def test_no_page_brings_inline_style_or_script() -> None:
    for page in (Path(settings.BASE_DIR) / "templates").rglob("*.html"):
        if "email" in page.parts:
            continue
        text = page.read_text(encoding="utf-8")
        assert " style=" not in text, page
        assert not re.search(r"\son[a-z]+=", text), page
        scripts = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", text)
        assert scripts == [], page


def test_set_up_goes_on_without_npm(
    tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]  # pytest-django's wrapper
    monkeypatch.setattr(vendor, "npm_command", lambda: None)

    call_command("fetch_assets")

    assert "npm was not found" in capsys.readouterr().out
    assert not (tmp_path / "static").exists()


def test_libraries_are_copied_from_their_packages_and_only_once(
    tmp_path: Path, settings: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.BASE_DIR = tmp_path  # type: ignore[attr-defined]  # pytest-django's wrapper
    calls: list[Path] = []

    def install(root: Path) -> str:
        calls.append(root)
        for source in vendor.FILES:
            place = root / "node_modules" / source
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(source)
        return ""

    monkeypatch.setattr(vendor, "install", install)
    call_command("fetch_assets", "--quiet")
    call_command("fetch_assets", "--quiet")

    assert calls == [tmp_path]
    assert vendor.is_complete(tmp_path / "static" / "vendor")
    assert capsys.readouterr().out == ""


def test_the_lock_file_names_no_registry() -> None:
    for name in ("package-lock.json", "package.json", ".npmrc"):
        text = (Path(settings.BASE_DIR) / name).read_text(encoding="utf-8")
        assert "registry" not in text.replace("omit-lockfile-registry-resolved=true", "")
        assert '"resolved"' not in text
