"""Another agent for a node: who may become the bundled one, and what its next report is answered (contract Dash 4)."""

from base64 import urlsafe_b64encode
from datetime import datetime, timedelta
from typing import Any

from django.utils.crypto import constant_time_compare, salted_hmac

from apps.api.dash import bundle
from apps.api.dash.errors import DashError
from apps.nodes import versions
from apps.nodes.models import Node, NodeSection

# A token is good for at least this long; its end moves in steps, so that one update has one address for a while.
TOKEN_LIFE, TOKEN_STEP = timedelta(minutes=30), timedelta(minutes=5)
TOKEN_BYTES = 24


def ensure_bundled() -> str:
    """The version that nodes can become; DashError 409 when there is none."""
    version = bundle.bundled_version()
    if not version:
        raise DashError("node_version_unavailable", "No agent is bundled with this installation.", status=409)
    if versions.parse(version) is None:
        raise DashError("invalid_node_version", "The bundled agent has no version that can be read.", status=409)
    return version


def ensure_upgradable(node: Node) -> None:
    """DashError 409 when the node cannot become the bundled agent, 503 when its file cannot be read."""
    if node.agent_kind == Node.AgentKind.NEZHA or not versions.updates_itself(node.agent_version):
        raise DashError("node_upgrade_unsupported", "This agent cannot replace itself by the bundled one.", status=409)
    system = _system_of(node)
    if not system.get("os") or not system.get("arch"):
        raise DashError("node_platform_unknown", "The node has not said what machine it is.", status=409)
    name = bundle.asset_name(system["os"], system["arch"])
    if name is None:
        raise DashError("node_platform_unsupported", "There is no agent for this kind of machine.", status=409)
    if not bundle.suits(node.agent_version):
        raise DashError("node_asset_missing", "The bundled agent is of another make than this one.", status=409)
    try:
        found = bundle.asset(name)
    except OSError as error:
        raise DashError("node_asset_error", "The agent's file cannot be read.", status=503) from error
    if found is None:
        raise DashError("node_asset_missing", "The agent for this kind of machine is not bundled.", status=409)


def pending_manifest(node: Node, *, base: str, now: datetime) -> dict[str, Any] | None:
    """What the node's report is answered with under `update`, None for nothing.

    `base` is the address the agent reached us by, without a final slash. A node without a wish costs no statement; a
    file that is gone meanwhile is nothing to tell an agent.
    """
    wanted = node.wanted_version
    if not versions.is_owed(reported=node.agent_version, wanted=wanted) or wanted != bundle.bundled_version():
        return None
    system = _system_of(node)
    name = bundle.asset_name(system.get("os", ""), system.get("arch", ""))
    try:
        found = bundle.asset(name) if name is not None else None
    except OSError:
        return None
    if found is None:
        return None
    path = f"/deploy/{name}"
    url = f"{base}{path}?upgrade_token={upgrade_token(path, now=now)}"
    return {"id": wanted, "version": wanted, "url": url, "sha256": found.sha256, "size": len(found.content)}


def upgrade_token(path: str, *, now: datetime) -> str:
    """A word of 32 characters that opens one path for a while, wherever it is asked."""
    end = now + TOKEN_LIFE + TOKEN_STEP
    step_s = int(TOKEN_STEP.total_seconds())
    return _token(path, int(end.timestamp()) // step_s)


def opens(token: str, path: str, *, now: datetime) -> bool:
    """Whether the token opens this path now."""
    step_s = int(TOKEN_STEP.total_seconds())
    steps = int(now.timestamp()) // step_s
    ends = range(steps + 1, steps + (TOKEN_LIFE + TOKEN_STEP) // TOKEN_STEP + 1)
    return any(constant_time_compare(token, _token(path, end)) for end in ends)


def _token(path: str, end: int) -> str:
    """What opens a path until a step ends: nothing is kept, so every process and each after a restart knows it."""
    signature = salted_hmac(f"dash.upgrade:{path}", str(end), algorithm="sha256").digest()
    return urlsafe_b64encode(signature[:TOKEN_BYTES]).decode()


def _system_of(node: Node) -> dict[str, str]:
    document = (
        NodeSection.objects.of(node.workspace_id)
        .filter(node=node.pk, section="static")
        .values_list("document", flat=True)
        .first()
    )
    return dict((document or {}).get("system") or {})
