"""The themes that are always there: the front end's own look, and a dense green one."""

from collections.abc import Mapping
from typing import Any

from apps.api.dash.themes.manifests import read_manifest
from apps.api.dash.themes.styles import active_css

DEFAULT = "default"
_OPERATOR = """
:root {
  --theme-fg-default: #15211a; --theme-fg-strong: #0b140f; --theme-fg-muted: #4c5f54; --theme-fg-subtle: #74867b;
  --theme-bg-default: #f6f8f4; --theme-bg-inset: #e9eee6; --theme-bg-muted: #eff3ec; --theme-page-bg: #eff3ec;
  --theme-surface-panel: #f6f8f4; --theme-surface-row-hover: #e9eee6; --theme-surface-control-hover: #e4ebe0;
  --theme-border-default: #c9d3c8; --theme-border-subtle: #d8e0d6; --theme-border-muted: #e4eae2;
  --theme-fg-accent: #23703f; --theme-bg-accent-emphasis: #23703f; --theme-bg-accent-muted: #dcefdf;
  --theme-fg-success: #23703f; --theme-bg-danger-emphasis: #a8442b; --theme-focus-ring: var(--theme-fg-accent);
}
:root.dark {
  --theme-fg-default: #d5ddd3; --theme-fg-strong: #f0f5ee; --theme-fg-muted: #93a596; --theme-fg-subtle: #6c7d70;
  --theme-bg-default: #121714; --theme-bg-inset: #0b0f0c; --theme-bg-muted: #161c18; --theme-page-bg: #121714;
  --theme-surface-panel: #161c18; --theme-surface-row-hover: #1b231e; --theme-surface-control-hover: #232c26;
  --theme-border-default: #303c34; --theme-border-subtle: #303c34; --theme-border-muted: #232c26;
  --theme-fg-accent: #86cf7c; --theme-bg-accent-emphasis: #2c7a41; --theme-bg-accent-muted: #1d3324;
  --theme-fg-success: #86cf7c; --theme-bg-danger-emphasis: #a3523a; --theme-focus-ring: var(--theme-fg-accent);
}
"""
BUILT_IN: Mapping[str, Mapping[str, Any]] = {
    DEFAULT: read_manifest({"id": DEFAULT, "name": "Default", "version": "1.0.0", "author": "Ithiltir"}),
    "operator": read_manifest(
        {
            "id": "operator",
            "name": "Operator",
            "version": "1.0.0",
            "author": "Ithiltir",
            "description": "Dense look for operators.",
            "skin": {
                "admin": {"shell": "topbar", "frame": "flat"},
                "dashboard": {"summary": "strip", "density": "compact"},
            },
        }
    ),
}
# The front end's own look needs no words of ours.
STYLES: Mapping[str, str] = {DEFAULT: "", "operator": active_css("operator", (_OPERATOR, ""))}
