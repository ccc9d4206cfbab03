"""Requests of the Dash API on a fresh installation with one node: status, code and shape of each answer.

These cases need a database: `NEEDS_DATABASE` tells whoever replays them. Nothing that a case does outlasts it.
"""

import json
import re
from typing import Any

from django.core.cache import cache
from django.db import transaction
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils import timezone

from apps.nodes.models import Node
from apps.nodes.selectors import secret_of
from apps.nodes.services import create_node
from apps.tokens.logins import login_of, open_session, set_login_password
from apps.workspaces.models import Workspace
from tests import factories
from tests.replay.difference import expect

PASSWORD = "Opens-The-Dash"
KINDS = {"array": list, "object": dict}
# A row where Dash is worse than it need be names what may be answered instead.
INSTEAD = re.compile(r"(\d{3}) (\w+) is an acceptable improvement")


def replay(_: dict[str, Any], case: dict[str, Any]) -> None:
    """Ask one request and judge its answer."""
    with override_settings(RATE_LIMITS=False), transaction.atomic():
        try:
            judge(case["expect"], ask(case))
        finally:
            transaction.set_rollback(True)
            cache.clear()


def ask(case: dict[str, Any]) -> HttpResponse:
    """The answer to a case on an installation of its own."""
    now = timezone.now()
    workspace = factories.make_workspace(now=now)
    set_login_password(workspace=workspace, surface="dash", password=PASSWORD, now=now)
    node = create_node(workspace=workspace, name="web", actor="ana", now=now)
    filled = _filled(case, node)
    body = filled.get("json")
    data = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    headers = {**_credential(filled["auth"], workspace, node), **filled.get("headers", {})}
    kind = headers.pop("Content-Type", "application/json" if body is not None else "")
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    return client.generic(filled["method"], filled["path"], data, content_type=kind, headers=headers)


def _filled(case: dict[str, Any], node: Node) -> dict[str, Any]:
    """The case with its placeholders said; hidden is what every node is at first."""
    known = {
        '"{node_id:int}"': str(node.number),
        "{node_id}": str(node.number),
        "{hidden_node_id}": str(node.number),
        "{secret}": secret_of(node) or "",
        "{password}": PASSWORD,
    }
    text = json.dumps(case)
    for name, value in known.items():
        text = text.replace(name, value)
    found: dict[str, Any] = json.loads(text)
    return found


def _credential(auth: str, workspace: Workspace, node: Node) -> dict[str, str]:
    if auth == "bearer":
        login = login_of(workspace, "dash")
        passes = None if login is None else open_session(login=login, persistent=False, now=timezone.now())
        assert passes is not None
        return {"Authorization": f"Bearer {passes.access}"}
    return {
        "none": {},
        "bearer_garbage": {"Authorization": "Bearer garbage"},
        "node_secret": {"X-Node-Secret": secret_of(node) or ""},
        "node_secret_wrong": {"X-Node-Secret": "nobodys-secret"},
    }[auth]


def judge(expected: dict[str, Any], response: HttpResponse) -> None:
    """AssertionError unless the answer is what the case expects, or the improvement that it allows."""
    is_json = response.headers.get("Content-Type", "").startswith("application/json")
    body = json.loads(response.content) if is_json and response.content else None
    code = body.get("code") if isinstance(body, dict) else None
    instead = INSTEAD.search(expected.get("note", ""))
    if instead is not None and (response.status_code, code) == (int(instead[1]), instead[2]):
        return
    expect(response.status_code, expected["status"])
    if "code" in expected:
        expect(code, expected["code"])
    if "type" in expected:
        expect(isinstance(body, KINDS[expected["type"]]), True)
    if "keys" in expected:
        expect(sorted(set(expected["keys"]) - set(body or {})), [])
    for name, value in expected.get("values", {}).items():
        expect((body or {}).get(name), value)


CASES = {"dash_http": replay}
NEEDS_DATABASE = frozenset(CASES)
