from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.common.ids import digest
from apps.tokens.models import AgentKey, ApiToken
from apps.workspaces.models import Workspace

SOON = timedelta(days=30)
LONG_UNUSED = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class TokenPosture:
    """A workspace's tokens by what somebody who keeps order wants to know."""

    total: int
    usable: int
    read_only: int
    read_write: int
    without_expiry: int
    expiring_soon: int  # within 30 days
    unused: int  # made and not used for 90 days


def token_posture(workspace: Workspace, *, plan: str, now: datetime) -> TokenPosture:
    """Counts over the tokens that are not revoked; none is usable on the Free plan (contract Dashmon 13)."""
    tokens = tokens_of(workspace)
    alive = [token for token in tokens if not token.is_expired(now)]
    return TokenPosture(
        total=len(tokens),
        usable=len(alive) if plan == "premium" else 0,
        read_only=sum(token.access == ApiToken.Access.READ_ONLY for token in tokens),
        read_write=sum(token.access == ApiToken.Access.READ_WRITE for token in tokens),
        without_expiry=sum(token.expires_at is None for token in tokens),
        expiring_soon=sum(token.expires_at is not None and token.expires_at <= now + SOON for token in alive),
        unused=sum((token.last_used_at or token.created_at) <= now - LONG_UNUSED for token in tokens),
    )


def tokens_of(workspace: Workspace) -> Sequence[ApiToken]:
    """Tokens that are not revoked, newest first."""
    return list(ApiToken.objects.of(workspace).filter(revoked_at__isnull=True).order_by("-created_at", "-id"))


def token_by_secret(raw: str) -> ApiToken | None:
    """The token of this raw value, also when revoked or expired; None when there never was one."""
    token: ApiToken | None = ApiToken.objects.select_related("workspace").filter(hash=digest(raw)).first()
    return token


def key_of(*, workspace: Workspace | int, subject: AgentKey.Subject, subject_id: int) -> AgentKey | None:
    """The key in force of one subject."""
    key: AgentKey | None = AgentKey.objects.of(workspace).filter(subject=subject, subject_id=subject_id).first()
    return key


def key_by_secret(raw: str) -> AgentKey | None:
    """Whose key this is, in whichever workspace: generated keys are unguessable and unique."""
    key: AgentKey | None = AgentKey.objects.select_related("workspace").filter(hash=digest(raw)).first()
    return key
