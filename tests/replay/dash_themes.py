"""Themes of Dash: which packages are taken, and what is served of them."""

import json
from typing import Any

from apps.api.dash.themes.manifests import read_manifest
from apps.api.dash.themes.styles import ThemeError, active_css
from tests.replay.difference import expect

Case = dict[str, Any]


def style(_document: Case, case: Case) -> None:
    answer: Case
    try:
        css = active_css(case["theme_id"], (case["tokens_css"], case["recipes_css"]))
        answer = {"accepted": True, "active_css": css}
    except ThemeError:
        answer = {"accepted": False}
    expect(answer, case["expect"])


def manifest(_document: Case, case: Case) -> None:
    answer: Case
    try:
        answer = {"accepted": True, "manifest": read_manifest(json.loads(json.dumps(case["theme_json"])))}
    except ThemeError:
        answer = {"accepted": False}
    expect(answer, case["expect"])


CASES = {"dash_theme_css": style, "dash_theme_manifest": manifest}
