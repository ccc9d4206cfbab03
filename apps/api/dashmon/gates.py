"""Who may pass which route: the contract's table "Endpoint gates" (section 3) as data, and its order (1.3) as one rule.

The rule is pure. It says nothing about bodies or about single rows, except whether the row named in the
path lies inside the caller's scope.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from apps.workspaces.permissions import Actor
from apps.workspaces.plans import PlanName

CallerKind = Literal["anonymous", "session", "bearer"]


@dataclass(frozen=True, slots=True)
class Gate:
    """One row of the table: a method and a route, and what it asks of the caller."""

    method: str
    route: str
    permission: str | None = None  # None: any member, or nobody at all when `public`
    public: bool = False
    session_only: bool = False
    premium: bool = False
    write: bool = False
    lockable: bool = False  # whether a workspace over its limits refuses it


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever knocks, as far as a gate can see."""

    kind: CallerKind
    permissions: frozenset[str] = frozenset()
    read_only: bool = False

    @classmethod
    def of(cls, kind: CallerKind, actor: Actor, *, read_only: bool = False) -> "Caller":
        return cls(kind, actor.permissions, read_only)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The first reason not to answer: HTTP status and machine code of contract 1.3."""

    status: int
    code: str


ANONYMOUS = Caller("anonymous")


def decide(
    gate: Gate, caller: Caller, *, plan: PlanName, locked: bool = False, in_scope: bool = True
) -> Refusal | None:
    """The first refusal in the contract's order, or None when the call may go on to its own validation.

    `plan` is the effective plan of the selected workspace, `locked` its write lock; `in_scope` tells whether
    the row named in the path belongs to a project the caller reaches.
    """
    if gate.public:
        return None
    free, bearer = plan == "free", caller.kind == "bearer"
    refusals = (
        (caller.kind == "anonymous", Refusal(401, "unauthenticated")),
        (bearer and free, Refusal(403, "premium_required")),
        (bearer and gate.session_only, Refusal(403, "session_required")),
        (caller.read_only and gate.write, Refusal(403, "token_read_only")),
        (gate.permission is not None and gate.permission not in caller.permissions, Refusal(403, "forbidden")),
        (free and gate.premium, Refusal(403, "premium_required")),
        (locked and gate.lockable, Refusal(403, "write_locked")),
        (not in_scope, Refusal(404, "not_found")),
    )
    return next((refusal for applies, refusal in refusals if applies), None)


def _gate(line: str) -> Gate:
    """`PUT /api/devices/:deviceId devices.write W`; marks: public, S, P, W, never-locked (contract 2 and 3)."""
    method, route, permission, *marks = line.split()
    write = "W" in marks
    return Gate(
        method,
        route,
        None if permission == "-" else permission,
        public="public" in marks,
        session_only="S" in marks,
        premium="P" in marks,
        write=write,
        # Deleting is how a workspace comes back under its limits.
        lockable=write and method != "DELETE" and "never-locked" not in marks,
    )


TABLE = """
GET /api/health - public
GET /api/meta/capabilities - public
GET /api/public/status-pages/:slug - public
GET /api/incoming/heartbeat/:token - public
POST /api/incoming/heartbeat/:token - public
PUT /api/incoming/heartbeat/:token - public
POST /auth/local/signup - public
POST /auth/local/login - public
POST /logout - public
GET /logout - public
GET /api/me -
GET /api/projects projects.read
POST /api/projects projects.create W
GET /api/projects/:id projects.read
PUT /api/projects/:id projects.update W
DELETE /api/projects/:id projects.delete W
GET /api/projects/:id/devices devices.read
POST /api/projects/:projectId/devices devices.write W
GET /api/projects/:projectId/devices/:deviceId devices.read
PUT /api/devices/:deviceId devices.write W
DELETE /api/devices/:deviceId devices.write W
GET /api/devices/:deviceId/history history
PUT /api/devices/:deviceId/synthetic devices.write P W
GET /api/devices/:deviceId/dns-config devices.read P
PUT /api/devices/:deviceId/dns-config devices.write P W
GET /api/devices/:deviceId/heartbeat-config devices.read P
PUT /api/devices/:deviceId/heartbeat-config devices.write P W
GET /api/devices/:deviceId/signals devices.read P
POST /api/devices/:deviceId/test-now devices.write P W
POST /api/devices/refresh-all devices.refreshAll P W
GET /api/tags tags.read
PUT /api/devices/:deviceId/tags devices.write W
POST /api/devices/tags/bulk devices.write P W
POST /api/maintenance/device/:deviceId maintenance.write P W
DELETE /api/maintenance/device/:deviceId maintenance.write P W
POST /api/maintenance/project/:projectId maintenance.write P W
DELETE /api/maintenance/project/:projectId maintenance.write P W
POST /api/maintenance/devices/bulk-set maintenance.write P W
POST /api/maintenance/devices/bulk-clear maintenance.write P W never-locked
GET /api/alerts/email alerts.read
PUT /api/alerts/email alerts.write W
GET /api/alerts/webhook alerts.read
PUT /api/alerts/webhook alerts.write W
GET /api/alerts/sms alerts.read P
PUT /api/alerts/sms alerts.write P W
POST /api/alerts/sms/test alerts.write P W
GET /api/projects/:projectId/alert-settings alerts.read
PUT /api/projects/:projectId/alert-settings alertSettings.write W
POST /api/projects/:projectId/alert-settings/test alertSettings.write W
GET /api/status-pages statusPages.read P
POST /api/status-pages statusPages.write P W
GET /api/status-pages/:id statusPages.read P
PUT /api/status-pages/:id statusPages.write P W
DELETE /api/status-pages/:id statusPages.write P W
POST /api/status-pages/:id/regenerate-token statusPages.write P W
GET /api/status-pages/:id/updates statusPages.read P
POST /api/status-pages/:id/updates statusPages.publish P W
GET /api/status-pages/:id/subscribers statusPages.write P
GET /api/devices/:deviceId/analytics reports P
GET /api/devices/:id/latency/percentiles reports P
GET /api/reports/uptime reports P
GET /api/metrics/down-events reports P
GET /api/incidents incidents.read P
GET /api/incidents/:id incidents.read P
POST /api/incidents/:id/ack incidents.write P W
POST /api/incidents/:id/note incidents.write P W
POST /api/incidents/:id/resolve incidents.write P W
GET /api/user/permission-foundation - S
POST /api/user/account-context - S W never-locked
GET /api/user/team-invitations team.manage S
POST /api/user/team-invitations team.manage S P W
POST /api/user/team-invitations/:id/cancel team.manage S W never-locked
POST /api/user/team-invitations/accept - S
GET /api/user/preferences preferences.self S
PUT /api/user/preferences/timezone preferences.self S P W never-locked
GET /api/user/api-token tokens.manage S
GET /api/user/api-tokens tokens.manage S
POST /api/user/api-tokens tokens.manage S P W
DELETE /api/user/api-tokens/:id tokens.manage S W
GET /api/user/integration-posture posture.read
GET /api/support/summary posture.read
"""
_VARIABLE = re.compile(r":[A-Za-z]+")


def _key(method: str, route: str) -> tuple[str, str]:
    """Routes are the same whatever their variables are called."""
    return method, _VARIABLE.sub(":", route)


GATES: Mapping[tuple[str, str], Gate] = {
    _key(gate.method, gate.route): gate for gate in map(_gate, TABLE.strip().splitlines())
}


def gate_of(method: str, route: str) -> Gate | None:
    """The row for a method and a route spelled with `:variables`; None when the contract has no such route."""
    return GATES.get(_key("GET" if method == "HEAD" else method, route))
