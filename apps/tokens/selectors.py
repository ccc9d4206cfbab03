from collections.abc import Sequence

from apps.common.ids import digest
from apps.tokens.models import AgentKey, ApiToken
from apps.workspaces.models import Workspace


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
