from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from django.db.models import Q

from apps.common.ids import digest
from apps.tokens.models import AgentKey, ApiToken
from apps.tokens.statements import keys_with
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
    key: AgentKey | None = (
        AgentKey.objects.of(workspace).filter(_in_force(), subject=subject, subject_id=subject_id).first()
    )
    return key


def keys_of(*, workspace: Workspace | int, subject: AgentKey.Subject, subject_ids: Collection[int]) -> dict[int, str]:
    """The secrets in force of many subjects, by their primary keys."""
    keys = AgentKey.objects.of(workspace).filter(_in_force(), subject=subject, subject_id__in=subject_ids)
    return {key.subject_id: key.secret for key in keys}


def key_of_agent(
    raw: str, *, subject: AgentKey.Subject, workspace: int | None, default_workspace: int | None, now: datetime
) -> AgentKey | None:
    """Whose key an agent sends, its workspace at hand; one that is followed by another counts until its end.

    On a workspace's own host only that workspace's keys are known. On the host of all of them (`workspace` None) a
    generated key names its workspace, and a chosen one counts in the default workspace alone.
    """
    keys = AgentKey.objects.select_related("workspace").filter(_in_force() | Q(valid_until__gt=now), subject=subject)
    if workspace is not None:
        found = keys.filter(workspace=workspace, hash=digest(raw)).first()
    else:
        found = keys.filter(generated=True, hash=digest(raw)).first()
        if found is None and default_workspace is not None:
            found = keys.filter(workspace=default_workspace, hash=digest(raw)).first()
    key: AgentKey | None = found
    return key


class Sent(NamedTuple):
    """A secret's digest, and the slug of the workspace on whose own host it came; None on the host of all of them."""

    digest: str
    slug: str | None = None


class KnownKey(NamedTuple):
    """Whose key it is, and what the workspace's plan follows from (`effective_plan`)."""

    workspace_id: int
    slug: str
    subject_id: int
    generated: bool
    plan: str
    plan_status: str
    premium_until: datetime | None


def keys_of_agents(
    sent: Collection[Sent],
    *,
    subject: AgentKey.Subject,
    default_workspace: Callable[[], int | None] | None,
    now: datetime,
) -> dict[Sent, KnownKey]:
    """`key_of_agent` for up to 500 at once, in open workspaces: one statement. Strangers have no entry.

    The default workspace is asked for when a secret that somebody chose comes to the host of all of them.
    """
    found: dict[str, list[KnownKey]] = {}
    for text, *facts in keys_with({each.digest for each in sent}, subject=subject, now=now):
        found.setdefault(text, []).append(KnownKey._make(facts))
    default = cache(default_workspace or _nobody)
    chosen = {each: _meant(each, found.get(each.digest, ()), default) for each in sent}
    return {each: key for each, key in chosen.items() if key is not None}


def _nobody() -> None:
    """Where there is no default workspace."""


def _meant(sent: Sent, keys: Collection[KnownKey], default_workspace: Callable[[], int | None]) -> KnownKey | None:
    if sent.slug is not None:
        return next((key for key in keys if key.slug == sent.slug), None)
    generated = next((key for key in keys if key.generated), None)
    if generated is not None or not keys:
        return generated
    default = default_workspace()
    return next((key for key in keys if key.workspace_id == default), None)


def _in_force() -> Q:
    return Q(valid_until__isnull=True)
